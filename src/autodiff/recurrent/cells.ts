import { intAttribute, type Node } from '../../onnx/ir/graph.js';
import type { Activate } from './activations.js';
import type { Expression } from './expression.js';

/** What one direction of a recurrent operator is made of; H hidden units, G gates, B samples. */
export interface CellParts {
  readonly node: Node;
  readonly activations: readonly Activate[];
  /** R [G·H, H], and the recurrent bias [G·H] and peepholes [3·H] where there are any. */
  readonly recurrent: string;
  readonly bias: string | undefined;
  readonly peepholes: string | undefined;
}

/** Hidden and cell state [B, H]. */
export interface State {
  readonly hidden: string;
  readonly cell: string;
}

/** @param input x · Wᵀ and the input bias at one moment [B, G·H] */
type Step = (x: Expression, input: string, state: State) => State;

export interface Cell {
  readonly gates: number;
  readonly activations: readonly string[];
  /** Prepares what all moments share. */
  prepare(x: Expression, parts: CellParts): Step;
}

const identity: Activate = (_x, value) => value;
const biased = (x: Expression, value: string, bias: string | undefined) =>
  bias === undefined ? value : x.add(value, bias);

/** H = f(x·Wᵀ + h·Rᵀ + b). */
const rnn: Cell = {
  gates: 1,
  activations: ['Tanh'],
  prepare:
    (_x, { activations: [f = identity], recurrent, bias }) =>
    (x, input, { hidden, cell }) => ({
      hidden: f(x, x.add(input, biased(x, x.product(hidden, recurrent), bias))),
      cell,
    }),
};

/**
 * z, r = f(…), h̃ = g(x·Wₕᵀ + (r∘h)·Rₕᵀ + b), or with linear_before_reset g(x·Wₕᵀ + r∘(h·Rₕᵀ + b)); H = (1−z)∘h̃ + z∘h (ONNX, operator GRU).
 */
const gru: Cell = {
  gates: 3,
  activations: ['Sigmoid', 'Tanh'],
  prepare(shared, { node, activations: [f = identity, g = identity], recurrent, bias }) {
    const linearFirst = intAttribute(node, 'linear_before_reset', 0) !== 0;
    const matrices = shared.split(recurrent, 3, 0);
    const biases = bias === undefined ? [] : shared.split(bias, 3, 0);
    return (x, input, { hidden, cell }) => {
      const inputs = x.split(input, 3, 1);
      const linear = (gate: number, value: string) => biased(x, x.product(value, matrices[gate] ?? ''), biases[gate]);
      const gate = (index: number) => f(x, x.add(inputs[index] ?? '', linear(index, hidden)));
      const [z, r] = [gate(0), gate(1)];
      const past = linearFirst ? x.mul(r, linear(2, hidden)) : linear(2, x.mul(r, hidden));
      const candidate = g(x, x.add(inputs[2] ?? '', past));
      return { hidden: x.add(x.mul(x.complement(z), candidate), x.mul(z, hidden)), cell };
    };
  },
};

/**
 * i, f = f(… + P∘c), c' = f∘c + i∘g(…), o = f(… + Pₒ∘c'), H = o∘h(c'); with input_forget f = 1 − i (ONNX, operator LSTM; gates in the order
 * i, o, f, c, peepholes i, o, f).
 */
const lstm: Cell = {
  gates: 4,
  activations: ['Sigmoid', 'Tanh', 'Tanh'],
  prepare(shared, { node, activations: [f = identity, g = identity, h = identity], recurrent, bias, peepholes }) {
    const coupled = intAttribute(node, 'input_forget', 0) !== 0;
    const [pi, po, pf] = peepholes === undefined ? [] : shared.split(peepholes, 3, 0);
    const peeping = (x: Expression, value: string, cell: string, weights: string | undefined) =>
      weights === undefined ? value : x.add(value, x.mul(cell, weights));
    return (x, input, { hidden, cell }) => {
      const sums = x.add(input, biased(x, x.product(hidden, recurrent), bias));
      const [ai = '', ao = '', af = '', ac = ''] = x.split(sums, 4, 1);
      const i = f(x, peeping(x, ai, cell, pi));
      const forget = coupled ? x.complement(i) : f(x, peeping(x, af, cell, pf));
      const next = x.add(x.mul(forget, cell), x.mul(i, g(x, ac)));
      const o = f(x, peeping(x, ao, next, po));
      return { hidden: x.mul(o, h(x, next)), cell: next };
    };
  },
};

export const CELLS: Readonly<Record<string, Cell>> = { RNN: rnn, GRU: gru, LSTM: lstm };
