import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ChannelGroup } from '../../src/channels/channel-groups.js';
import { channelGroups } from '../../src/channels/channel-groups.js';
import { channelUnits } from '../../src/channels/channel-units.js';
import { cutShapes } from '../../src/channels/cut-shapes.js';
import { shrinkPath } from '../../src/channels/shrink-path.js';
import { networkSize } from '../../src/channels/workload.js';
import { elementCount } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { randomTensors } from '../onnx/small-model.js';
import { cut, shapesOf } from './cut.js';
import { CUT_NETWORKS } from './networks.js';

const group = (size: number, free = size): ChannelGroup => ({
  layers: ['layer'],
  slots: [],
  units: Array.from({ length: size }, (_, i) => i),
  free: Array.from({ length: free }, (_, i) => i),
  size,
  convolutional: false,
  reason: null,
});

describe('shrinking', () => {
  test('takes where least is lost for what is saved, down to what must stay', () => {
    const losses = [
      { group: group(4), unexplained: [0.5, 0.2, 0.1, 0] },
      { group: group(3, 1), unexplained: [0.9, 0.5, 0] },
      { group: group(2), unexplained: [0.3, 0] },
    ];
    // The first group's units cost 1 each, the second's 10, the third's 2.
    const cost = ([a = 0, b = 0, c = 0]: readonly number[]) => a + 10 * b + 2 * c;
    assert.deepEqual(shrinkPath(losses, cost), [
      [4, 3, 2],
      [4, 2, 2],
      [3, 2, 2],
      [2, 2, 2],
      [2, 2, 1],
      [1, 2, 1],
    ]);
  });

  test('knows the size of a network before it is cut', async () => {
    for (const [name, { model, inputs }] of Object.entries(CUT_NETWORKS)) {
      // How many channels a Slice keeps depends on which of them go.
      if (name === 'Slice of some channels') continue;
      const draw = randomTensors(seededRandom(3));
      const feeds = new Map(Object.entries(inputs).map(([input, dims]) => [input, draw(dims)]));
      const { sliced, groups: cutGroups } = await cut(model, feeds);
      const units = channelUnits(model.graph, await shapesOf(model, feeds));
      const groups = channelGroups(model.graph, units);
      const kept = cutGroups.map(({ size, free }) => size - (free.length === 0 ? 0 : size - Math.round(size / 2)));
      const shapes = cutShapes(model.graph, units, groups)(kept);
      const floats = [...sliced.graph.initializers].filter(([, { dtype }]) => dtype === 'float32');
      for (const [constant, { dims }] of floats) assert.deepEqual(shapes(constant), dims, `${constant} of ${name}`);
      const counted = floats.reduce((sum, [, { dims }]) => sum + elementCount(dims), 0);
      assert.equal(networkSize(model.graph, shapes).parameters, counted, name);
    }
  });
});
