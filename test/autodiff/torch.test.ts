import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { float, type Node, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s, scalar, type Tensor } from '../../src/onnx/ir/tensor.js';
import { differentiate } from './differentiate.js';

interface Stored {
  readonly dims: readonly number[];
  readonly values: readonly number[];
}
interface Golden {
  readonly source: string;
  readonly cases: Readonly<
    Record<string, { inputs: Record<string, Stored>; seed: Stored; gradients: Record<string, Stored> }>
  >;
}
const golden: Golden = JSON.parse(readFileSync('test/autodiff/golden/torch.json', 'utf8'));

type Attributes = NonNullable<NonNullable<Parameters<typeof node>[3]>['attributes']>;
const y = (opType: string, inputs: readonly string[], attributes: Attributes = {}): Node[] => [
  node(opType, inputs, ['y'], { attributes }),
];
/** gelu(x) = x · Φ(x) and its tanh form, as exporters to operator sets before 20 write them. */
const gelu = [
  node('Div', ['x', 'root'], ['a']),
  node('Erf', ['a'], ['b']),
  node('Add', ['b', 'one'], ['c']),
  node('Mul', ['x', 'c'], ['d']),
  node('Mul', ['d', 'half'], ['y']),
];

/** The same function in ONNX, by the name of the golden case. */
const cases: Readonly<Record<string, { nodes: readonly Node[]; constants?: Readonly<Record<string, Tensor>> }>> = {
  Conv: { nodes: y('Conv', ['x', 'w', 'b'], { strides: [2, 2], pads: [1, 1, 1, 1] }) },
  'Conv groups dilation': {
    nodes: y('Conv', ['x', 'w', 'b'], { pads: [2, 2, 2, 2], dilations: [2, 2], group: 2 }),
  },
  'Conv depthwise': { nodes: y('Conv', ['x', 'w'], { strides: [2, 2], pads: [1, 1, 1, 1], group: 3 }) },
  ConvTranspose: {
    nodes: y('ConvTranspose', ['x', 'w'], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }),
  },
  BatchNormalization: {
    nodes: [
      node(
        'BatchNormalization',
        ['x', 'scale', 'bias', 'mean', 'variance'],
        ['y', 'running_mean', 'running_variance'],
        {
          attributes: { training_mode: 1 },
        },
      ),
    ],
    constants: { mean: floats([0, 0, 0]), variance: floats([1, 1, 1]) },
  },
  LayerNormalization: { nodes: y('LayerNormalization', ['x', 'scale', 'bias'], { axis: -1 }) },
  InstanceNormalization: { nodes: y('InstanceNormalization', ['x', 'scale', 'bias']) },
  Softmax: { nodes: y('Softmax', ['x'], { axis: -1 }) },
  LogSoftmax: { nodes: y('LogSoftmax', ['x'], { axis: 1 }) },
  Gelu: { nodes: gelu, constants: { root: scalar(Math.SQRT2), one: scalar(1), half: scalar(0.5) } },
  Mish: { nodes: y('Mish', ['x']) },
  HardSwish: {
    nodes: [node('Mul', ['x', 'two'], ['a']), ...y('HardSwish', ['a'])],
    constants: { two: scalar(2) },
  },
  Selu: { nodes: y('Selu', ['x']) },
  MaxPool: { nodes: y('MaxPool', ['x'], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }) },
  AveragePool: { nodes: y('AveragePool', ['x'], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }) },
  MatMul: { nodes: y('MatMul', ['a', 'b']) },
  Gemm: { nodes: y('Gemm', ['a', 'b', 'c'], { transB: 1, alpha: float(0.5), beta: float(2) }) },
  Gather: { nodes: y('Gather', ['x', 'rows']), constants: { rows: int64s([2, 0, 2]) } },
  CumSum: { nodes: y('CumSum', ['x', 'axis']), constants: { axis: int64s([1], []) } },
  'Resize nearest': {
    nodes: y('Resize', ['x', '', 'scales'], {
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    }),
    constants: { scales: floats([1, 1, 2, 2]) },
  },
};

describe(`gradients of ${golden.source}`, () => {
  const read = ({ dims, values }: Stored) => floats(values, dims);
  for (const [name, { nodes, constants = {} }] of Object.entries(cases)) {
    test(name, async () => {
      const expected = golden.cases[name];
      assert.ok(expected, 'the golden file has the case');
      const variables = new Map(Object.entries(expected.inputs).map(([input, stored]) => [input, read(stored)]));
      const output = nodes.at(-1)?.outputs[0] ?? '';
      const { gradients } = await differentiate({ nodes, constants, output }, variables, () => read(expected.seed));
      for (const [input, { dims, values }] of Object.entries(expected.gradients)) {
        const gradient = gradients.get(input);
        assert.ok(gradient, `a gradient by ${input}`);
        assert.deepEqual(gradient.dims, dims);
        elements(gradient, 'float32').forEach((found, i) => {
          const wanted = values[i] ?? Number.NaN;
          const message = `${input}[${i}]: ${found}, PyTorch ${wanted}`;
          assert.ok(Math.abs(found - wanted) <= 2e-5 + 2e-4 * Math.abs(wanted), message);
        });
      }
    });
  }
});
