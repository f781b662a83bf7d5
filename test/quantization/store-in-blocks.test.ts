import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { executedGraph } from '../../src/runtime/executed-graph.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from './fixtures.js';

const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;
const pads = { pads: [1, 1, 1, 1] };

/** Three convolutions, of which the middle one is neither first nor last, and a product with its channels last. */
const LAYERS = {
  'a convolution, channels first': {
    dims: [32, 16, 3, 3],
    blockLength: 24,
    layers: (weight: string) => [
      node('Conv', ['x', 'first'], ['a'], { name: 'one', attributes: pads }),
      node('Conv', ['a', weight], ['b'], { name: 'two', attributes: pads }),
      node('Conv', ['b', 'last'], ['y'], { name: 'three', attributes: pads }),
    ],
    first: [16, 2, 3, 3],
    last: [3, 32, 3, 3],
    x: [1, 2, 6, 6],
  },
  'a product, channels last': {
    dims: [80, 60],
    blockLength: 16,
    layers: (weight: string) => [
      node('MatMul', ['x', 'first'], ['a'], { name: 'one' }),
      node('MatMul', ['a', weight], ['b'], { name: 'two' }),
      node('MatMul', ['b', 'last'], ['y'], { name: 'three' }),
    ],
    first: [20, 80],
    last: [60, 4],
    x: [5, 20],
  },
} as const;
type Layer = (typeof LAYERS)[keyof typeof LAYERS];

const modelOf = ({ layers, first, last, x }: Layer, weight: Tensor, ends: { first: Tensor; last: Tensor }): Model => {
  assert.equal(elementCount(first), elementCount(ends.first.dims));
  assert.equal(elementCount(last), elementCount(ends.last.dims));
  return smallModel({
    nodes: layers('w'),
    inputs: { x: ['float32', [...x]] },
    outputs: { y: ['float32', null] },
    constants: { w: weight, ...ends },
  });
};

/** Rounded to nearest in blocks along K, by the definition: from the smallest to the largest of a block, or symmetric about its middle. */
function rounded(weight: Tensor, length: number, bits: number, symmetric: boolean): Tensor {
  const values = elements(weight, 'float32');
  const result = new Float32Array(values.length);
  const channelsFirst = weight.dims.length === 4;
  const channels = (channelsFirst ? weight.dims[0] : weight.dims[1]) as number;
  const k = values.length / channels;
  const at = (channel: number, i: number) => (channelsFirst ? channel * k + i : i * channels + channel);
  const top = 2 ** bits - 1;
  for (let channel = 0; channel < channels; channel++) {
    for (let start = 0; start < k; start += length) {
      const block = Array.from({ length }, (_, i) => values[at(channel, start + i)] as number);
      const [min, max] = [Math.min(0, ...block), Math.max(0, ...block)];
      const extreme = -min > max ? min : max;
      const scale = symmetric ? extreme / -(2 ** (bits - 1)) : (max - min) / top;
      const zero = symmetric ? 2 ** (bits - 1) : Math.round(-min / scale);
      for (const [i, value] of block.entries()) {
        const integer = Math.min(top, Math.max(0, Math.round(value / scale + zero)));
        result[at(channel, start + i)] = scale * (integer - zero);
      }
    }
  }
  return floats(result, weight.dims);
}

describe('weights stored in blocks', () => {
  for (const [name, layer] of Object.entries(LAYERS)) {
    for (const bits of [2, 3, 4] as const) {
      for (const symmetric of [true, false]) {
        test(`${name}, ${bits} bits${symmetric ? ', symmetric' : ''}: unfold at load to what rounding gives`, async () => {
          const weight = only(randomTensors(layer.dims, 1, 3));
          // Whole numbers below 128, so that storing the ends in 8 bits changes nothing.
          const whole = (dims: readonly number[], seed: number) => {
            const values = elements(only(randomTensors(dims, 1, seed)), 'float32').map((v) => Math.round(v * 126));
            values.fill(127, 0, 1);
            return floats(values, dims);
          };
          const ends = { first: whole(layer.first, 4), last: whole(layer.last, 5) };
          const x = only(randomTensors(layer.x, 1, 6));
          const { model, nodes } = await quantize(
            modelOf(layer, weight, ends),
            {
              scheme: 'int4_weights',
              weights: { method: 'rtn', bits, symmetric },
              exclude: ['one', 'three'],
            },
            samplesOf('x', [x]),
            { cpu: { instructionSets: AVX2 } },
          );
          assert.equal(nodes.find((each) => each.name === 'two')?.integer, false);
          const file = encodeModel(model);
          const stored = [...model.graph.initializers].filter(([constant]) => /^w_(int4|bits\d)/.test(constant));
          assert.equal(
            stored.reduce((sum, [, { bytes }]) => sum + bytes.length, 0),
            (elementCount(layer.dims) * bits) / 8,
          );
          const expected = modelOf(layer, rounded(weight, layer.blockLength, bits, symmetric), ends);
          const feeds = new Map([['x', x]]);
          const reference = await runModel(encodeModel(expected), feeds, 'disabled');
          const size = elements(reference.get('y') as Tensor, 'float32').reduce(
            (most, v) => Math.max(most, Math.abs(v)),
            0,
          );
          assert.ok(largestDifference(reference, await runModel(file, feeds, 'disabled')) < size * 1e-5);
          assert.ok(largestDifference(reference, await runModel(file, feeds, 'all')) < size * 1e-5);
          const left = (await executedGraph(file, tmpdir())).graph.nodes.map(({ opType }) => opType);
          assert.deepEqual(
            left.filter((opType) => !/Conv|MatMul/.test(opType)),
            [],
          );
        });
      }
    }
  }
});
