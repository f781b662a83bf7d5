import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Node, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { biasCorrection } from '../../src/quantization/bias-correction.js';
import type { QuantizedWeights } from '../../src/quantization/weights.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from './fixtures.js';

const weights = (dims: readonly number[], seed: number) => randomTensors(dims, 1, seed)[0] as Tensor;

/** Weights cut to a coarse grid, so that the loss is large. */
function coarse(tensor: Tensor, channels: number): QuantizedWeights {
  const scales = new Float32Array(channels).fill(0.25);
  const integers = Int8Array.from(elements(tensor, 'float32'), (weight) => Math.floor(weight / 0.25));
  return { integers, scales, perChannel: true };
}
const lost =
  (tensor: Tensor, { integers }: QuantizedWeights) =>
  (at: number) =>
    (elements(tensor, 'float32')[at] as number) - 0.25 * (integers[at] as number);

describe('the correction is Σ (W − Ŵ)·E[x] per output channel', () => {
  test('of a convolution in two groups', () => {
    const w = weights([4, 3, 2, 2], 1);
    const graph = smallModel({
      nodes: [node('Conv', ['x', 'w'], ['y'], { attributes: { group: 2 } })],
      inputs: { x: ['float32', [1, 6, 5, 5]] },
      outputs: { y: ['float32', null] },
      constants: { w },
    }).graph;
    const quantized = coarse(w, 4);
    const means = Float64Array.of(1, 2, 3, -4, 5, 6);
    const expected = [0, 1, 2, 3].map((o) => {
      let sum = 0;
      for (let c = 0; c < 3; c++)
        for (let position = 0; position < 4; position++)
          sum += lost(w, quantized)((o * 3 + c) * 4 + position) * (means[(o < 2 ? 0 : 3) + c] as number);
      return sum;
    });
    const found = biasCorrection(graph.nodes[0] as Node, graph, quantized, means);
    for (const [o, value] of expected.entries()) assert.ok(Math.abs(value - (found[o] as number)) < 1e-9);
  });

  for (const transB of [0, 1]) {
    test(`of a Gemm with transB ${transB}`, () => {
      const w = weights(transB ? [2, 3] : [3, 2], 2);
      const graph = smallModel({
        nodes: [node('Gemm', ['x', 'w'], ['y'], { attributes: { transB } })],
        inputs: { x: ['float32', [1, 3]] },
        outputs: { y: ['float32', null] },
        constants: { w },
      }).graph;
      const quantized = coarse(w, 2);
      const means = Float64Array.of(1, -2, 4);
      const found = biasCorrection(graph.nodes[0] as Node, graph, quantized, means);
      for (let o = 0; o < 2; o++) {
        const at = (k: number) => (transB ? o * 3 + k : k * 2 + o);
        const sum = [0, 1, 2].reduce((total, k) => total + lost(w, quantized)(at(k)) * (means[k] as number), 0);
        assert.ok(Math.abs(sum - (found[o] as number)) < 1e-9);
      }
    });
  }
});

test('with it the mean of each channel is closer to FP32, with a bias and without one', async () => {
  const dims = [1, 16, 6, 6];
  // Inputs far from zero: where the mean is zero there is nothing to correct.
  const images = randomTensors(dims, 8, 3).map((image) =>
    floats(
      elements(image, 'float32').map((x) => x + 2),
      dims,
    ),
  );
  const model = smallModel({
    nodes: [
      node('Conv', ['x', 'w1', 'b1'], ['c1'], { name: 'biased' }),
      node('Conv', ['c1', 'w2'], ['y'], { name: 'bare' }),
    ],
    inputs: { x: ['float32', dims] },
    outputs: { y: ['float32', null] },
    constants: { w1: weights([16, 16, 3, 3], 11), b1: weights([16], 12), w2: weights([16, 16, 1, 1], 13) },
  });
  const meanError = async (correction: 'none' | 'analytic') => {
    const step = { scheme: 'int8_static' as const, only_what_pays: false, bias_correction: correction };
    const options = { count: 8, cpu: { instructionSets: AVX2 } };
    const { model: quantized } = await quantize(model, step, samplesOf('x', images), options);
    const shift = new Float64Array(16);
    for (const image of images) {
      const feeds = new Map([['x', image]]);
      const [x, y] = await Promise.all(
        [model, quantized].map(async (each) =>
          elements((await runModel(encodeModel(each), feeds, 'all')).get('y') as Tensor, 'float32'),
        ),
      );
      x?.forEach((value, i) => {
        (shift[Math.floor(i / 16)] as number) += (value - (y?.[i] as number)) / (16 * images.length);
      });
    }
    return shift.reduce((sum, each) => sum + Math.abs(each), 0) / 16;
  };
  const [without, corrected] = [await meanError('none'), await meanError('analytic')];
  assert.ok(corrected < without / 2, `${corrected} against ${without} without`);
});
