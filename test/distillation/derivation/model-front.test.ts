import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ModelFront } from '../../../src/distillation/derivation/model-front.js';
import { node } from '../../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../../src/platform/random.js';
import { relativeDifference, runModel } from '../../onnx/session.js';
import { randomTensors } from '../../onnx/small-model.js';
import { network } from '../networks.js';

const draw = randomTensors(seededRandom(3));
const BATCHES = [
  [0, 1],
  [2, 3],
  [4, 5],
] as const;

/** A sum reaches back over two layers, and the input is read once more near the end. */
const model = network(
  [
    node('MatMul', ['x', 'w0'], ['a']),
    node('Relu', ['a'], ['b']),
    node('MatMul', ['b', 'w1'], ['c']),
    node('Add', ['c', 'a'], ['d']),
    node('Mul', ['d', 'x'], ['e']),
    node('MatMul', ['e', 'w2'], ['y']),
  ],
  { w0: draw([4, 4]), w1: draw([4, 4]), w2: draw([4, 2]) },
  ['N', 4],
);
const SHAPES = new Map(['x', 'a', 'b', 'c', 'd', 'e'].map((name) => [name, [3, 4]]));

/** A front, and how often samples were asked for. */
function front(shapes: ReadonlyMap<string, readonly number[]>) {
  const asked: number[] = [];
  const feedsOf = (indices: readonly number[]) =>
    new Map([
      [
        'x',
        floats(
          indices.flatMap((index) => [index, 1, -index, 2]),
          [indices.length, 4],
        ),
      ],
    ]);
  const feeds = async (indices: readonly number[]) => {
    asked.push(...indices);
    return feedsOf(indices);
  };
  const signal = new AbortController().signal;
  return {
    asked,
    feedsOf,
    moving: new ModelFront(model, { samples: { feeds }, batches: BATCHES, shapes, threads: 1, signal }),
  };
}

/** All values by the whole model. */
async function reference(feeds: ReadonlyMap<string, Tensor>) {
  const outputs = ['a', 'b', 'c', 'd', 'e', 'y'].map((name) => ({ name, type: null }));
  const found = await runModel(encodeModel({ ...model, graph: { ...model.graph, outputs } }), feeds);
  return new Map([...feeds, ...found]);
}

/** Layer by layer: the node that is reached, and what is read there, the layer's own output and its goal ahead among it. */
const VISITS = [
  { place: 0, names: ['x', 'a'] },
  { place: 2, names: ['b', 'd'] },
  { place: 2, names: ['b'] },
  { place: 5, names: ['e', 'y', 'e'] },
] as const;

describe('a front that moves through a model', () => {
  const kinds = [
    { what: 'kept', shapes: SHAPES, asks: 2 * 6 },
    { what: 'computed anew where nothing is known of their size', shapes: new Map(), asks: 4 * 6 },
  ];
  for (const { what, shapes, asks } of kinds) {
    test(`reads what a whole run gives, values ${what}`, async () => {
      const { moving, asked, feedsOf } = front(shapes);
      for (const { place, names } of VISITS)
        await moving.read(place, names, async (read) => {
          for (const [number, batch] of BATCHES.entries()) {
            const expected = await reference(feedsOf(batch));
            const found = await read(number);
            for (const [i, name] of names.entries()) {
              const [wanted, value] = [expected.get(name) ?? assert.fail(name), found[i] ?? assert.fail(name)];
              assert.ok(relativeDifference(wanted, value, 1e-6) < 1e-5, `${name} at ${place}`);
            }
          }
        });
      assert.equal(asked.length, asks, 'samples are asked for until something is kept');
    });
  }
});
