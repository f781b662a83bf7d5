import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Model, type Node, node } from '../../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { smooth } from '../../../src/quantization/transforms/smooth.js';
import { smallModel } from '../../runtime/small-model.js';
import { randomTensors } from '../fixtures.js';
import { exactVariants } from './transform-case.js';

const dims = [1, 5, 8];
/** One channel a hundred times larger than the others. */
const outlying = randomTensors(dims, 3, 5).map((tensor) =>
  floats(
    elements(tensor, 'float32').map((value, i) => (i % 8 === 3 ? value * 100 : value)),
    dims,
  ),
);
const random = (shape: readonly number[], seed: number) => randomTensors(shape, 1, seed)[0] as Tensor;
const CONSTANTS = {
  gamma: floats([1, 1, 1, 100, 1, 1, 1, 1]),
  beta: random([8], 2),
  query: random([8, 6], 3),
  key: random([8, 6], 4),
  transposed: random([6, 8], 5),
  half: floats([0.5], []),
};
const normalized = node('LayerNormalization', ['x', 'gamma', 'beta'], ['n'], {
  name: 'norm',
  attributes: { axis: -1 },
});
const product = (value: string) => node('MatMul', [value, 'query'], ['y'], { name: 'product' });

function model(nodes: readonly Node[], outputs = ['y'], shape: readonly number[] = dims): Model {
  return smallModel({
    ...{ nodes, constants: CONSTANTS, inputs: { x: ['float32', [...shape]] } },
    outputs: Object.fromEntries(outputs.map((name) => [name, ['float32', null] as const])),
  });
}

const muls = ({ graph }: Model) => graph.nodes.filter(({ opType }) => opType === 'Mul').length;

describe('channels that stand out move into the weights', () => {
  const cases: readonly (readonly [string, number, readonly Node[], string[]?])[] = [
    ['folded into LayerNormalization', 0, [normalized, product('n')]],
    [
      'folded once for two products',
      0,
      [
        normalized,
        node('MatMul', ['n', 'query'], ['q']),
        node('MatMul', ['n', 'key'], ['k']),
        node('Add', ['q', 'k'], ['y']),
      ],
    ],
    [
      'folded into a scale and a shift',
      0,
      [node('Mul', ['x', 'gamma'], ['m']), node('Add', ['beta', 'm'], ['n']), product('n')],
    ],
    [
      'one Mul where the LayerNormalization has another reader',
      1,
      [normalized, product('n'), node('Relu', ['n'], ['z'])],
      ['y', 'z'],
    ],
    ['one Mul where it is an output', 1, [normalized, product('n')], ['y', 'n']],
    ['one Mul behind a nonlinear operator', 1, [node('Tanh', ['x'], ['n']), product('n')]],
    ['one Mul behind an input', 1, [product('x')]],
    ['one Mul where the scale is one number', 1, [node('Mul', ['x', 'half'], ['n']), product('n')]],
  ];
  for (const [name, added, nodes, outputs] of cases) {
    test(name, async () => {
      const made = model(nodes, outputs);
      const variants = await exactVariants(smooth, { model: made, input: 'x', tensors: outlying });
      assert.ok(variants.length > 0);
      for (const variant of variants) assert.equal(muls(variant.model) - muls(made), added);
    });
  }

  test('a Gemm with transposed weights', async () => {
    const nodes = [node('Gemm', ['x', 'transposed'], ['y'], { attributes: { transB: 1 } })];
    const rows = outlying.map((tensor) => ({ ...tensor, dims: [5, 8] }));
    assert.ok(
      (await exactVariants(smooth, { model: model(nodes, ['y'], [5, 8]), input: 'x', tensors: rows })).length > 0,
    );
  });

  test('the outlier is brought nearer to the others, the more the larger alpha', async () => {
    const variants = await exactVariants(smooth, {
      model: model([normalized, product('n')]),
      input: 'x',
      tensors: outlying,
    });
    const ratios = variants.map((variant) => {
      const gamma = variant.model.graph.nodes.find(({ opType }) => opType === 'LayerNormalization')?.inputs[1] ?? '';
      const scales = elements(variant.model.graph.initializers.get(gamma) as Tensor, 'float32');
      return Math.abs(scales[3] as number) / Math.max(...scales.filter((_, i) => i !== 3).map(Math.abs));
    });
    assert.ok((ratios[0] as number) < 100);
    assert.deepEqual(
      ratios,
      [...ratios].sort((a, b) => b - a),
    );
  });
});

test('products that the request leaves out keep their weights', async () => {
  const nodes = [
    normalized,
    node('MatMul', ['n', 'query'], ['q'], { name: 'left' }),
    node('MatMul', ['n', 'key'], ['k']),
    node('Add', ['q', 'k'], ['y']),
  ];
  const look = { model: model(nodes), input: 'x', tensors: outlying };
  for (const variant of await exactVariants(smooth, { ...look, selected: ({ name }) => name !== 'left' })) {
    const left = variant.model.graph.nodes.find(({ name }) => name === 'left');
    assert.deepEqual(left?.inputs, ['n', 'query']);
  }
  assert.deepEqual(await exactVariants(smooth, { ...look, selected: () => false }), []);
});
