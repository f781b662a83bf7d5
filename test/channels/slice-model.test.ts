import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { randomTensors } from '../onnx/small-model.js';
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
