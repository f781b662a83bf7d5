import { float, node } from '../../../src/onnx/ir/graph.js';
import { int64s } from '../../../src/onnx/ir/tensor.js';
import type { GradientCase } from '../check-gradient.js';
import type { Attributes } from './node-case.js';

const [MOMENTS, BATCH, INPUTS, UNITS] = [3, 2, 4, 3];
const strings = (...values: string[]) => ({
  kind: 'strings' as const,
  value: values.map((value) => new TextEncoder().encode(value)),
});
const numbers = (...value: number[]) => ({ kind: 'floats' as const, value });

interface Variant {
  readonly attributes?: Attributes;
  /** Operands beyond X, W and R: bias, initial states, peepholes. */
  readonly operands?: readonly ('B' | 'h' | 'c' | 'P')[];
}
const GATES: Readonly<Record<string, number>> = { RNN: 1, GRU: 3, LSTM: 4 };

/** Y, Y_h and Y_c of one operator in a row, so that gradients come back through all of them. */
function recurrentCase(opType: string, { attributes = {}, operands = [] }: Variant) {
  const directions = attributes.direction === 'bidirectional' ? 2 : 1;
  const size = (GATES[opType] ?? 1) * UNITS;
  const dims: Readonly<Record<string, readonly number[]>> = {
    X: [MOMENTS, BATCH, INPUTS],
    W: [directions, size, INPUTS],
    R: [directions, size, UNITS],
    B: [directions, 2 * size],
    h: [directions, BATCH, UNITS],
    c: [directions, BATCH, UNITS],
    P: [directions, 3 * UNITS],
  };
  const given = (name: 'B' | 'h' | 'c' | 'P') => (operands.includes(name) ? name : '');
  const outputs = opType === 'LSTM' ? ['Y', 'Yh', 'Yc'] : ['Y', 'Yh'];
  const states = opType === 'LSTM' ? [given('h'), given('c'), given('P')] : [given('h')];
  return {
    name: `${opType} ${JSON.stringify(Object.keys(attributes))} with ${operands.join(' ')}`,
    nodes: [
      node(opType, ['X', 'W', 'R', given('B'), '', ...states], outputs, {
        attributes: { hidden_size: UNITS, ...attributes },
      }),
      ...outputs.map((output) => node('Reshape', [output, 'row'], [`${output}/row`])),
      node(
        'Concat',
        outputs.map((output) => `${output}/row`),
        ['y'],
        { attributes: { axis: 0 } },
      ),
    ],
    constants: { row: int64s([-1]) },
    variables: Object.fromEntries(['X', 'W', 'R', ...operands].map((name) => [name, { dims: dims[name] ?? [] }])),
  };
}

/** Clips some sums and keeps clear of the others, so that no step of a finite difference crosses it. */
const clip = float(0.4);

const variants: readonly [string, Variant][] = [
  ['RNN', {}],
  [
    'RNN',
    { attributes: { direction: 'bidirectional', activations: strings('Tanh', 'Sigmoid') }, operands: ['B', 'h'] },
  ],
  [
    'RNN',
    { attributes: { activations: strings('Affine'), activation_alpha: numbers(0.7), activation_beta: numbers(0.1) } },
  ],
  [
    'RNN',
    {
      attributes: { activations: strings('ScaledTanh'), activation_alpha: numbers(0.8), activation_beta: numbers(0.6) },
    },
  ],
  ['RNN', { attributes: { direction: 'reverse', clip }, operands: ['h'] }],
  ['GRU', {}],
  ['GRU', { attributes: { clip }, operands: ['B', 'h'] }],
  [
    'GRU',
    {
      attributes: {
        activations: strings('HardSigmoid', 'LeakyRelu'),
        activation_alpha: numbers(0.15, 0.3),
        activation_beta: numbers(0.4),
      },
      operands: ['B', 'h'],
    },
  ],
  ['GRU', { attributes: { direction: 'reverse' }, operands: ['B', 'h'] }],
  ['GRU', { attributes: { linear_before_reset: 1 }, operands: ['B', 'h'] }],
  ['GRU', { attributes: { direction: 'bidirectional', linear_before_reset: 1 }, operands: ['B', 'h'] }],
  ['GRU', { attributes: { activations: strings('softsign', 'Softplus') }, operands: ['B'] }],
  ['LSTM', {}],
  ['LSTM', { operands: ['B', 'h', 'c'] }],
  ['LSTM', { attributes: { direction: 'reverse' }, operands: ['B', 'h', 'c', 'P'] }],
  ['LSTM', { attributes: { direction: 'bidirectional' }, operands: ['B', 'h', 'c', 'P'] }],
  ['LSTM', { attributes: { input_forget: 1 }, operands: ['B', 'h', 'c'] }],
  ['LSTM', { attributes: { clip }, operands: ['B'] }],
  [
    'LSTM',
    {
      attributes: {
        activations: strings('HardSigmoid', 'Elu', 'Tanh'),
        activation_alpha: numbers(0.15, 1.2),
        activation_beta: numbers(0.4),
      },
      operands: ['B'],
    },
  ],
];

export const recurrentCases: readonly GradientCase[] = variants.map(([opType, variant]) =>
  recurrentCase(opType, variant),
);
