import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { separateVectors } from '../../src/channels/separate-vectors.js';
import { node } from '../../src/onnx/ir/graph.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { randomTensors, smallModel } from '../onnx/small-model.js';
import { cut } from './cut.js';
import { CUT_NETWORKS, type CutNetwork, WHOLE_NETWORKS } from './networks.js';

const feedsOf = ({ inputs }: CutNetwork, seed = 3) => {
  const draw = randomTensors(seededRandom(seed));
  return new Map(Object.entries(inputs).map(([name, dims]) => [name, draw(dims)]));
};

describe('cutting channels out', () => {
  for (const [name, network] of Object.entries(CUT_NETWORKS)) {
    test(`${name}: the smaller network gives what the whole one gives with those channels' weights zero`, async () => {
      const { groups, sliced, zeroed, removed } = await cut(network.model, feedsOf(network));
      assert.deepEqual(
        groups.map(({ size, free }) => [size, free.length]),
        network.groups,
      );
      assert.ok(removed > 0);
      const bytes = encodeModel(sliced);
      assert.ok(bytes.length < encodeModel(network.model).length + 200);
      // Another batch than the one whose shapes were recorded.
      const inputs = Object.fromEntries(
        Object.entries(network.inputs).map(([input, [, ...dims]]) => [
          input,
          [name === 'an embedding' ? 1 : 3, ...dims],
        ]),
      );
      const feeds = feedsOf({ ...network, inputs }, 5);
      const expected = await runModel(encodeModel(zeroed), feeds);
      assert.ok(largestDifference(expected, await runModel(bytes, feeds), 1e-3) < 1e-4);
    });
  }
});

test('layers that only share a bias of equal numbers are cut apart, those that share a matrix are not', async () => {
  const weights = randomTensors(seededRandom(2));
  const nodes = [
    node('Gemm', ['x', 'w1', 'b'], ['h']),
    node('Relu', ['h'], ['r']),
    node('Gemm', ['r', 'w2', 'b'], ['i']),
    node('Gemm', ['i', 'w2'], ['j']),
    node('Gemm', ['j', 'w3'], ['y']),
  ];
  const constants = { w1: weights([3, 4]), w2: weights([4, 4]), w3: weights([4, 2]), b: weights([4]) };
  const model = smallModel({ inputs: { x: [2, 3] }, outputs: ['y'], constants, nodes });
  separateVectors(model.graph);
  const [first, , second] = model.graph.nodes.map(({ inputs }) => inputs[2] ?? '');
  assert.notEqual(first, second);
  assert.deepEqual(model.graph.initializers.get(second ?? ''), constants.b);
  assert.ok(model.graph.nodes.slice(2, 4).every(({ inputs }) => inputs[1] === 'w2'));
});

describe('channels that stay', () => {
  for (const [name, { network, reason }] of Object.entries(WHOLE_NETWORKS)) {
    test(`${name}: nothing is cut, and the reason is given`, async () => {
      const { groups, sliced, removed } = await cut(network.model, feedsOf(network));
      assert.equal(removed, 0);
      assert.match(groups[0]?.reason ?? '', reason);
      assert.deepEqual(
        encodeModel(sliced),
        encodeModel({ ...network.model, graph: { ...network.model.graph, values: new Map() } }),
      );
    });
  }
});
