import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors } from './fixtures.js';

const weights = (dims: readonly number[], seed: number) => randomTensors(dims, 1, seed)[0] as Tensor;
const scaled = (tensor: Tensor, by: number) =>
  floats(
    elements(tensor, 'float32').map((value) => value * by),
    tensor.dims,
  );

/** A layer of 576 weights before one of 65,536 and one of 4,096. */
const network = (first = weights([32, 2, 3, 3], 1)) =>
  smallModel({
    nodes: [
      node('Conv', ['x', 'first'], ['a'], { name: 'first' }),
      node('Conv', ['a', 'wide'], ['b'], { name: 'wide' }),
      node('Conv', ['b', 'last'], ['y'], { name: 'last' }),
    ],
    inputs: { x: ['float32', [1, 2, 6, 6]] },
    outputs: { y: ['float32', null] },
    constants: { first, wide: weights([2048, 32, 1, 1], 2), last: weights([2, 2048, 1, 1], 3) },
  });

/** The first weight is read by another node too, whose result is an output. */
const withSecondReader = ({ graph, ...model }: Model): Model => ({
  ...model,
  graph: {
    ...graph,
    nodes: [...graph.nodes, node('Conv', ['x', 'first'], ['z'], { name: 'again' })],
    outputs: [...graph.outputs, { name: 'z', type: null }],
  },
});

const stored = (model: Model) => quantize(model, { scheme: 'int8_weights' }, null, { cpu: { instructionSets: AVX2 } });
const typesOf = ({ graph }: Model) => [...graph.initializers.values()].map(({ dtype }) => dtype);
const halvesIn = (model: Model) => typesOf(model).filter((dtype) => dtype === 'float16').length;

describe('the smallest of stored weights', () => {
  test('are halves where a hundredth of the bytes pays for it, and the answer is nearer', async () => {
    const { model, nodes, notes } = await stored(network());
    assert.equal(halvesIn(model), 1);
    const bytes = (name: string) => [...model.graph.initializers].find(([key]) => key.startsWith(name))?.[1].dtype;
    assert.deepEqual([bytes('first'), bytes('wide'), bytes('last')], ['float16', 'int8', 'int8']);
    assert.equal(nodes.length, 3);
    assert.ok(notes.some((note) => note.includes('1 node runs in float, with weights stored in FP16')));
    const feeds = new Map([['x', randomTensors([1, 2, 6, 6], 1, 4)[0] as Tensor]]);
    const exact = await runModel(encodeModel(network()), feeds);
    const noise = async (given: Model) => largestDifference(exact, await runModel(encodeModel(given), feeds), 1);
    const shared = await stored(withSecondReader(network()));
    assert.equal(halvesIn(shared.model), 0, 'a weight that two nodes read is left as it is');
    assert.ok((await noise(model)) < (await noise(shared.model)));
  });

  test('stay INT8 where they hold numbers that halves do not', async () => {
    const { model } = await stored(network(scaled(weights([32, 2, 3, 3], 1), 1e6)));
    assert.equal(halvesIn(model), 0);
  });

  test('stay INT8 where they are more than a hundredth of all', async () => {
    const { model } = await stored(network(weights([32, 2, 5, 5], 1)));
    assert.equal(halvesIn(model), 0);
  });
});
