import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Node, node } from '../../../src/onnx/ir/graph.js';
import { scalar } from '../../../src/onnx/ir/tensor.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../../src/platform/random.js';
import { largestDifference, runModel } from '../session.js';
import { randomTensors, smallModel } from '../small-model.js';

const draw = randomTensors(seededRandom(5));
const CONSTANTS = { two: scalar(2), epsilon: scalar(1e-5), g: draw([8]), b: draw([8]), c: draw([6, 8]) };
const mean = (from: string, to: string, axes = [-1]) => node('ReduceMean', [from], [to], { attributes: { axes } });
const START = [mean('x', 'mean'), node('Sub', ['x', 'mean'], ['d'])];
const variance = [node('Pow', ['d', 'two'], ['q']), mean('q', 'v'), node('Add', ['v', 'epsilon'], ['w'])];
const root = node('Sqrt', ['w'], ['s']);
const divided = node('Div', ['d', 's'], ['n']);
const scaled = node('Mul', ['n', 'g'], ['m']);
const shifted = node('Add', ['m', 'b'], ['y']);

const CASES: readonly (readonly [name: string, expected: string[] | null, nodes: Node[]])[] = [
  ['as PyTorch wrote it', ['LayerNormalization'], [...START, ...variance, root, divided, scaled, shifted]],
  [
    'the difference written twice, operands the other way round',
    ['LayerNormalization'],
    [
      ...START,
      node('Sub', ['x', 'mean'], ['e']),
      ...variance.slice(0, 2),
      node('Add', ['epsilon', 'v'], ['w']),
      root,
      node('Div', ['e', 's'], ['n']),
      node('Mul', ['g', 'n'], ['m']),
      node('Add', ['b', 'm'], ['y']),
    ],
  ],
  [
    'a product with the reciprocal, d·d, and no shift',
    ['LayerNormalization'],
    [
      ...START,
      node('Mul', ['d', 'd'], ['q']),
      ...variance.slice(1),
      root,
      node('Reciprocal', ['s'], ['i']),
      node('Mul', ['d', 'i'], ['n']),
      node('Mul', ['n', 'g'], ['y']),
    ],
  ],
  [
    'a shift of every position stays an Add',
    ['LayerNormalization', 'Add'],
    [...START, ...variance, root, divided, scaled, node('Add', ['m', 'c'], ['y'])],
  ],
  [
    'not along another axis',
    null,
    [mean('x', 'mean', [1]), ...START.slice(1), ...variance, root, divided, scaled, shifted],
  ],
  ['not of another value', null, [...START, ...variance, root, node('Div', ['x', 's'], ['n']), scaled, shifted]],
  [
    'not a cube',
    null,
    [...START, node('Pow', ['d', 'epsilon'], ['q']), ...variance.slice(1), root, divided, scaled, shifted],
  ],
];

describe('recognizeLayerNormalization', () => {
  for (const [name, expected, nodes] of CASES) {
    test(name, async () => {
      const model = smallModel({ inputs: { x: [2, 6, 8] }, outputs: ['y'], constants: CONSTANTS, nodes });
      const { model: cleaned, passes } = await cleanUp(model);
      const found = passes.some((pass) => pass.name === 'layer_normalization');
      assert.equal(found, expected !== null);
      if (expected) {
        assert.deepEqual(
          cleaned.graph.nodes.map(({ opType }) => opType),
          expected,
        );
        assert.equal(cleaned.opsets.get(''), 17);
      } else assert.equal(cleaned.opsets.get(''), 13);
      const feeds = new Map([['x', draw([2, 6, 8], -3, 5)]]);
      const before = await runModel(encodeModel(model), feeds);
      assert.ok(largestDifference(before, await runModel(encodeModel(cleaned), feeds)) < 1e-5);
      assert.deepEqual((await cleanUp(cleaned)).passes, [], 'a second clean-up finds more');
    });
  }
});
