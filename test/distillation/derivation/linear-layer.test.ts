import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type LinearLayer, linearLayer } from '../../../src/distillation/derivation/linear-layer.js';
import { regressionRows } from '../../../src/distillation/derivation/regression-rows.js';
import { GraphEditor } from '../../../src/onnx/ir/editor.js';
import { type Node, node } from '../../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../../src/platform/random.js';
import { runModel } from '../../onnx/session.js';
import { randomTensors, smallModel } from '../../onnx/small-model.js';

const draw = randomTensors(seededRandom(21));

interface Case {
  readonly x: readonly number[];
  readonly constants: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly Node[];
}
const conv = (
  x: readonly number[],
  w: readonly number[],
  attributes: Record<string, number | number[]>,
  bias = true,
): Case => ({
  x,
  constants: { w: draw(w), ...(bias && { b: draw([w[0] ?? 1]) }) },
  nodes: [node('Conv', bias ? ['x', 'w', 'b'] : ['x', 'w'], ['y'], { attributes })],
});

const CASES: Readonly<Record<string, Case>> = {
  'Conv with uneven padding, stride and dilation': conv([2, 3, 7, 6], [4, 3, 3, 2], {
    pads: [1, 0, 2, 1],
    strides: [2, 1],
    dilations: [1, 2],
  }),
  'Conv that pads by itself, without a bias': {
    ...conv([2, 2, 6, 5], [3, 2, 3, 3], {}, false),
    nodes: [node('Conv', ['x', 'w'], ['y'], { attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } })],
  },
  'Conv on sequences': conv([2, 3, 9], [4, 3, 3], { pads: [1, 1] }),
  'a depthwise Conv': conv([2, 4, 5, 5], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
  'a grouped Conv': conv([2, 4, 5, 5], [6, 2, 1, 1], { group: 2 }),
  Gemm: {
    x: [3, 5],
    constants: { w: draw([5, 4]), b: draw([4]) },
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'])],
  },
  'a transposed Gemm without a bias': {
    x: [3, 5],
    constants: { w: draw([4, 5]) },
    nodes: [node('Gemm', ['x', 'w'], ['y'], { attributes: { transB: 1 } })],
  },
  'MatMul of sequences with a bias behind it': {
    x: [2, 3, 5],
    constants: { w: draw([5, 4]), b: draw([4]) },
    nodes: [node('MatMul', ['x', 'w'], ['p']), node('Add', ['b', 'p'], ['y'])],
  },
  BatchNormalization: {
    x: [2, 3, 4],
    constants: { s: draw([3]), b: draw([3]), m: draw([3]), v: draw([3], 0.5, 2) },
    nodes: [node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y'])],
  },
};

/** y[g] = x[g] · W[g] + b[g], by the definition. */
function products(
  { groups, inputs, outputs, biased }: LinearLayer,
  weights: Float64Array,
  x: Float64Array,
  rows: number,
): Float64Array {
  const width = inputs + (biased ? 1 : 0);
  const y = new Float64Array(groups * rows * outputs);
  for (let g = 0; g < groups; g++)
    for (let row = 0; row < rows; row++)
      for (let m = 0; m < outputs; m++)
        for (let k = 0; k < width; k++) {
          const at = (g * rows + row) * outputs + m;
          y[at] =
            (y[at] ?? 0) +
            (x[(g * rows + row) * width + k] ?? 0) * (weights[(g * (inputs + 1) + k) * outputs + m] ?? 0);
        }
  return y;
}

describe('linear layers', () => {
  for (const [name, { x, constants, nodes }] of Object.entries(CASES)) {
    test(`${name} is a matrix product of its rows, and takes other weights`, async () => {
      const model = smallModel({ inputs: { x }, outputs: ['y'], constants, nodes, opset: 18 });
      const editor = new GraphEditor(model.graph);
      const layer = linearLayer(nodes[0] ?? assert.fail(), editor, () => false) ?? assert.fail('it is no linear layer');
      const feeds = new Map([['x', draw(x)]]);
      const y = (await runModel(encodeModel(model), feeds)).get('y') ?? assert.fail();
      const all = (positions: number) => Array.from({ length: positions }, (_, position) => position);
      const rows = regressionRows(layer, feeds.get('x') ?? assert.fail(), [y], all);
      const near = (found: Float64Array) =>
        found.forEach((value, i) => {
          assert.ok(Math.abs(value - (rows.y[i] ?? Number.NaN)) < 1e-4, `${value} for ${rows.y[i]}`);
        });
      near(products(layer, layer.initial, rows.x, rows.rows));

      // Twice the weights and bias are twice the output.
      for (const [constant, tensor] of layer.constants(layer.initial.map((value) => 2 * value))) {
        if (model.graph.initializers.has(constant)) model.graph.initializers.set(constant, tensor);
        else assert.ok(layer.biased);
      }
      const doubled = (await runModel(encodeModel(model), feeds)).get('y') ?? assert.fail();
      near(regressionRows(layer, feeds.get('x') ?? assert.fail(), [doubled], all).y.map((value) => value / 2));
    });
  }

  test('what is added on the way to a goal is taken off the target', () => {
    const model = smallModel({
      inputs: { x: [2, 1] },
      outputs: ['y'],
      constants: { w: draw([1, 1]) },
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    });
    const layer = linearLayer(model.graph.nodes[0] ?? assert.fail(), new GraphEditor(model.graph), () => false);
    const [goal, other] = [floats([5, 7], [2, 1]), floats([1, 10], [2, 1])];
    const rows = regressionRows(layer ?? assert.fail(), floats([2, 3], [2, 1]), [goal, other], () => [0]);
    assert.deepEqual([...rows.y], [4, -3]);
    assert.deepEqual([...rows.x], [2, 3]);
  });

  test('shared or computed weights are left alone', () => {
    const graph = smallModel({
      inputs: { x: [2, 2], w: [2, 2] },
      outputs: ['y'],
      constants: {},
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
    }).graph;
    assert.equal(
      linearLayer(graph.nodes[0] ?? assert.fail(), new GraphEditor(graph), () => false),
      undefined,
    );
    graph.inputs.pop();
    graph.initializers.set('w', draw([2, 2]));
    assert.equal(
      linearLayer(graph.nodes[0] ?? assert.fail(), new GraphEditor(graph), (name) => name === 'w'),
      undefined,
    );
  });
});
