import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Graph, type Model, type Node, node, subgraphs } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors } from './fixtures.js';

const WIDTH = 64;
const first = (tensors: readonly Tensor[]) => tensors[0] as Tensor;
/** Small enough that no gate of the recurrent layer stands on its edge. */
const weights = (dims: readonly number[], seed: number) =>
  floats(
    elements(first(randomTensors(dims, 1, seed)), 'float32').map((value) => value / 8),
    dims,
  );

function branch(nodes: readonly Node[], output: string, constants: Readonly<Record<string, Tensor>> = {}): Graph {
  return {
    name: output,
    nodes: [...nodes],
    inputs: [],
    outputs: [{ name: output, type: null }],
    initializers: new Map(Object.entries(constants)),
    values: new Map(),
  };
}
const choose = (then: Graph, otherwise: Graph): Node => {
  const attributes = {
    then_branch: { kind: 'graph', value: then },
    else_branch: { kind: 'graph', value: otherwise },
  } as const;
  return node('If', ['flag'], ['y'], { name: 'choice', attributes });
};

/** A product before an If, another inside one branch, a recurrent layer with its weights outside in the other. */
const network = (): Model =>
  smallModel({
    nodes: [
      node('MatMul', ['x', 'w'], ['h'], { name: 'product' }),
      choose(
        branch([node('MatMul', ['h', 'inner'], ['t'], { name: 'inside' })], 't', { inner: weights([WIDTH, WIDTH], 2) }),
        branch(
          [
            node('Unsqueeze', ['gates', 'zero'], ['wi']),
            node('Unsqueeze', ['recurrence', 'zero'], ['wr']),
            node('Unsqueeze', ['h', 'zero'], ['sequence']),
            node('LSTM', ['sequence', 'wi', 'wr'], ['hidden'], { name: 'lstm', attributes: { hidden_size: WIDTH } }),
            node('Squeeze', ['hidden', 'front'], ['e']),
          ],
          'e',
        ),
      ),
    ],
    inputs: { x: ['float32', [1, WIDTH]], flag: ['bool', []] },
    outputs: { y: ['float32', null] },
    constants: {
      w: weights([WIDTH, WIDTH], 1),
      gates: weights([4 * WIDTH, WIDTH], 3),
      recurrence: weights([4 * WIDTH, WIDTH], 4),
      zero: int64s([0]),
      front: int64s([0, 1]),
    },
  });

const feeds = (flag: boolean) =>
  new Map([
    ['x', weights([1, WIDTH], 5)],
    ['flag', tensor('bool', [], Uint8Array.of(flag ? 1 : 0))],
  ]);
const step = { scheme: 'int8_dynamic' as const, only_what_pays: false };
const exact = { cpu: { instructionSets: AVX2 } };
const run = (model: Model, flag: boolean) => runModel(encodeModel(model), feeds(flag), 'all');

describe('models with branches', () => {
  test('both branches see the values that they saw before, and their weights are stored in INT8', async () => {
    const original = network();
    const { model, integer_nodes } = await quantize(original, step, null, exact);
    assert.equal(integer_nodes, 1);
    for (const flag of [true, false]) {
      assert.ok(largestDifference(await run(original, flag), await run(model, flag)) < 0.03, `flag ${flag}`);
    }
    assert.ok(encodeModel(model).length < encodeModel(original).length * 0.35);
  });

  test('what is excluded inside a branch keeps its weights', async () => {
    const { model } = await quantize(network(), { ...step, exclude: ['inside', 'LSTM'] }, null, exact);
    const choice = model.graph.nodes.find(({ opType }) => opType === 'If') as Node;
    assert.deepEqual(subgraphs(choice)[0]?.initializers.get('inner'), weights([WIDTH, WIDTH], 2));
    assert.deepEqual(model.graph.initializers.get('gates'), weights([4 * WIDTH, WIDTH], 3));
  });
});
