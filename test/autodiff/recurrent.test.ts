import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { float, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s } from '../../src/onnx/ir/tensor.js';
import { checkGradient } from './check-gradient.js';
import { differentiate } from './differentiate.js';

const [MOMENTS, BATCH, INPUTS, UNITS] = [3, 2, 4, 3];
type Attributes = NonNullable<NonNullable<Parameters<typeof node>[3]>['attributes']>;
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
  ['GRU', {}],
  ['GRU', { attributes: { direction: 'reverse' }, operands: ['B', 'h'] }],
  ['GRU', { attributes: { linear_before_reset: 1 }, operands: ['B', 'h'] }],
  ['GRU', { attributes: { direction: 'bidirectional', linear_before_reset: 1 }, operands: ['B', 'h'] }],
  ['GRU', { attributes: { activations: strings('softsign', 'Softplus') }, operands: ['B'] }],
  ['LSTM', {}],
  ['LSTM', { operands: ['B', 'h', 'c'] }],
  ['LSTM', { attributes: { direction: 'reverse' }, operands: ['B', 'h', 'c', 'P'] }],
  ['LSTM', { attributes: { direction: 'bidirectional' }, operands: ['B', 'h', 'c', 'P'] }],
  ['LSTM', { attributes: { input_forget: 1 }, operands: ['B', 'h', 'c'] }],
  ['LSTM', { attributes: { clip: float(40) }, operands: ['B'] }],
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
for (const [opType, variant] of variants) {
  const c = recurrentCase(opType, variant);
  test(`gradient of ${c.name}`, () => checkGradient(c));
}

interface Stored {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}
interface Golden {
  readonly source: string;
  readonly cases: readonly {
    readonly operator: string;
    readonly direction: string;
    readonly inputs: Readonly<Record<string, Stored>>;
    readonly seed: Stored;
    readonly gradients: Readonly<Record<string, Stored>>;
  }[];
}
const golden: Golden = JSON.parse(readFileSync('test/autodiff/golden/recurrent.json', 'utf8'));

describe(`recurrent gradients of ${golden.source}`, () => {
  const read = ({ dims, values }: Stored) => floats(values, dims);
  for (const { operator, direction, inputs, seed, gradients: expected } of golden.cases) {
    test(`${operator} ${direction}`, async () => {
      const states = operator === 'LSTM' ? ['h', 'c'] : ['h'];
      const linear: Attributes = operator === 'GRU' ? { linear_before_reset: 1 } : {};
      const attributes = { hidden_size: inputs.R?.dims[2] ?? 0, direction, ...linear };
      const variables = new Map(Object.entries(inputs).map(([name, stored]) => [name, read(stored)]));
      const nodes = [node(operator, ['X', 'W', 'R', 'B', '', ...states], ['y'], { attributes })];
      const { gradients } = await differentiate({ nodes }, variables, () => read(seed));
      for (const [name, { dims, values }] of Object.entries(expected)) {
        const gradient = gradients.get(name) ?? assert.fail(`no gradient by ${name}`);
        assert.deepEqual(gradient.dims, dims);
        elements(gradient, 'float32').forEach((found, i) => {
          const wanted = values[i] ?? Number.NaN;
          assert.ok(
            Math.abs(found - wanted) <= 2e-5 + 2e-4 * Math.abs(wanted),
            `${name}[${i}]: ${found}, PyTorch ${wanted}`,
          );
        });
      }
    });
  }
});
