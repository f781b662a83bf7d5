import { type Node, stringAttribute } from '../../onnx/ir/graph.js';
import type { Emitter } from '../emitter.js';
import { activationsOf } from '../recurrent/activations.js';
import { CELLS, type Cell, type State } from '../recurrent/cells.js';
import { Expression } from '../recurrent/expression.js';
import type { GradientRule, RuleTable } from '../rule.js';

const DIRECTIONS: Readonly<Record<string, readonly ('forward' | 'reverse')[]>> = {
  forward: ['forward'],
  reverse: ['reverse'],
  bidirectional: ['forward', 'reverse'],
};

/** The outputs Y, Y_h and Y_c of a recurrent node, written out moment by moment. */
function unrolled(
  emit: Emitter,
  node: Node,
  cell: Cell,
): { readonly nodes: readonly Node[]; readonly outputs: readonly string[] } {
  const x = new Expression(emit);
  const [sequence = '', weights = '', recurrent = '', bias = '', , hidden = '', initialCell = '', peepholes = ''] =
    node.inputs;
  const [moments = 1, batch = 1, inputs = 1] = x.dims(sequence);
  const units = x.dims(recurrent)[2] ?? 1;
  const rows = x.reshape(sequence, [moments * batch, inputs]);
  const directions = DIRECTIONS[stringAttribute(node, 'direction', 'forward')] ?? ['forward'];
  const activations = activationsOf(node, cell.activations, directions.length);
  /** One direction's part of an operand, without the axis of directions; undefined where the operand is absent. */
  const parts = (value: string, dims: readonly number[]): readonly (string | undefined)[] =>
    value === ''
      ? directions.map(() => undefined)
      : x.split(value, directions.length, 0).map((part) => x.reshape(part, dims));
  const size = cell.gates * units;
  const all = {
    weights: parts(weights, [size, inputs]),
    recurrent: parts(recurrent, [size, units]),
    bias: parts(bias, [2 * size]),
    hidden: parts(hidden, [batch, units]),
    cell: parts(initialCell, [batch, units]),
    peepholes: parts(peepholes, [3 * units]),
  };
  const results = directions.map((direction, d) => {
    const both = all.bias[d];
    const [inputBias, recurrentBias] = both === undefined ? [] : x.split(both, 2, 0);
    const products = x.product(rows, all.weights[d] ?? '');
    const summed = inputBias === undefined ? products : x.add(products, inputBias);
    const inputsAt = x
      .split(x.reshape(summed, [moments, batch, size]), moments, 0)
      .map((part) => x.reshape(part, [batch, size]));
    const step = cell.prepare(x, {
      ...{ node, recurrent: all.recurrent[d] ?? '', bias: recurrentBias, peepholes: all.peepholes[d] },
      activations: activations[d] ?? [],
    });
    const start = () => x.zeros([batch, units]);
    let state: State = { hidden: all.hidden[d] ?? start(), cell: all.cell[d] ?? start() };
    const hiddenAt: string[] = [];
    const order = inputsAt.map((_, t) => (direction === 'forward' ? t : moments - 1 - t));
    for (const t of order) {
      state = step(x, inputsAt[t] ?? '', state);
      hiddenAt[t] = x.reshape(state.hidden, [1, 1, batch, units]);
    }
    return { sequence: x.concat(hiddenAt, 0), ...state };
  });
  const together = (values: readonly string[]) =>
    x.concat(
      values.map((value) => x.reshape(value, [1, batch, units])),
      0,
    );
  const outputs = [
    x.concat(
      results.map((result) => result.sequence),
      1,
    ),
    together(results.map((result) => result.hidden)),
    together(results.map((result) => result.cell)),
  ];
  return { nodes: x.nodes, outputs };
}

/** Backpropagation through time: the operator is computed once more from plain ones, one moment after the other, and the walk goes back through these. */
const recurrent =
  (cell: Cell): GradientRule =>
  ({ node, gradients, emit, needs, through }) => {
    const { nodes, outputs } = unrolled(emit, node, cell);
    const seeds = new Map(
      gradients.flatMap((gradient, i): [string, string][] =>
        gradient === undefined ? [] : [[outputs[i] ?? '', gradient]],
      ),
    );
    const wanted = node.inputs.filter((input, index) => input !== '' && needs(index));
    const found = through(nodes, seeds, wanted);
    return node.inputs.map((input) => found.get(input));
  };

export const recurrentRules: RuleTable = Object.fromEntries(
  Object.entries(CELLS).map(([opType, cell]) => [opType, recurrent(cell)]),
);
