import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { tensor } from '../../src/onnx/ir/tensor.js';
import { convSumOrder, isExactOnEveryCpu } from '../../src/onnx/saturation.js';
import { leastWeightScale, quantizeBias } from '../../src/quantization/bias.js';
import { quantizationParameters } from '../../src/quantization/parameters.js';
import { roundHalfToEven } from '../../src/quantization/rounding.js';
import { axisLayout, convLayout, matrixLayout } from '../../src/quantization/weight-layout.js';
import { quantizeWeights } from '../../src/quantization/weights.js';

/** What onnxruntime.quantization 1.30 gives for the same numbers. */
const golden = JSON.parse(readFileSync('test/quantization/golden/reference-tool.json', 'utf8')) as {
  parameters: [number, number, number, number, boolean, number, number][];
  weights: { dims: number[]; weights: number[]; scales: number[]; integers: number[] }[];
  biases: { bias: number[]; input_scale: number; weight_scales: number[]; scales: number[]; integers: number[] }[];
};

test('halves are rounded to the even neighbour', () => {
  const rows = [
    [2.5, 2],
    [3.5, 4],
    [-2.5, -2],
    [-3.5, -4],
    [0.5, 0],
    [-0.5, 0],
    [2.4999, 2],
    [2.5001, 3],
    [-7.2, -7],
  ];
  for (const [value, rounded] of rows) assert.equal(roundHalfToEven(value as number) + 0, rounded, `${value}`);
});

describe('equal to the reference tool', () => {
  test('scale and zero point', () => {
    for (const [min, max, low, high, symmetric, scale, zeroPoint] of golden.parameters) {
      const found = quantizationParameters({ min, max }, { min: low, max: high }, { symmetric });
      assert.deepEqual(
        { scale: found.scale, zeroPoint: found.zeroPoint + 0 },
        { scale, zeroPoint },
        `[${min}, ${max}] in [${low}, ${high}]${symmetric ? ', symmetric' : ''}`,
      );
    }
  });

  test('weights per channel', () => {
    for (const { dims, weights, scales, integers } of golden.weights) {
      const found = quantizeWeights(Float32Array.from(weights), axisLayout(dims, 0), {
        perChannel: true,
        avoidSaturation: false,
      });
      assert.deepEqual([...found.scales], scales);
      assert.deepEqual([...found.integers], integers);
    }
  });

  test('bias', () => {
    for (const row of golden.biases) {
      const found = quantizeBias(Float32Array.from(row.bias), row.input_scale, Float32Array.from(row.weight_scales));
      assert.deepEqual([...found.scales], row.scales);
      assert.deepEqual([...found.integers], row.integers);
    }
  });
});

test('a range that is not finite, or upside down, is refused', () => {
  for (const range of [
    { min: Number.NaN, max: 1 },
    { min: 0, max: Number.POSITIVE_INFINITY },
    { min: 2, max: 1 },
  ]) {
    assert.throws(() => quantizationParameters(range, { min: 0, max: 255 }, { symmetric: false }), RangeError);
  }
});

test('the overflow guard keeps a huge bias within int32', () => {
  const inputScale = 1e-4;
  const bias = Float32Array.of(3000, -1, 0);
  const weights = Float32Array.of(1e-6, 2e-6, 0.5, -0.5, 0, 0);
  const { scales } = quantizeWeights(weights, matrixLayout([3, 2], true), {
    perChannel: true,
    avoidSaturation: false,
    leastScale: (channel) => leastWeightScale(bias[channel] ?? 0, inputScale),
  });
  const found = quantizeBias(bias, inputScale, scales);
  found.integers.forEach((integer, channel) => {
    const restored = integer * (found.scales[channel] ?? 0);
    assert.ok(Math.abs(restored - (bias[channel] ?? 0)) <= Math.abs(bias[channel] ?? 0) * 1e-6 + 1e-9, `${restored}`);
  });
});

test('K of a convolution runs over kernel positions, input channels innermost', () => {
  const layout = convLayout([2, 3, 1, 2]);
  assert.deepEqual(
    Array.from({ length: layout.k }, (_, k) => layout.index(1, k)),
    [6, 8, 10, 7, 9, 11],
  );
});

test('weights that avoid saturation are exact on every CPU and lose at most the bit that this costs', () => {
  const shape = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), fc.constantFrom(1, 3));
  fc.assert(
    fc.property(shape, fc.infiniteStream(fc.double({ min: -3, max: 3, noNaN: true })), ([m, c, k], stream) => {
      const dims = [m, c, k, k];
      const weights = Float32Array.from({ length: m * c * k * k }, () => stream.next().value as number);
      const layout = convLayout(dims);
      const { integers, scales } = quantizeWeights(weights, layout, { perChannel: true, avoidSaturation: true });
      assert.ok(isExactOnEveryCpu(tensor('int8', dims, integers), convSumOrder(4)));
      for (let channel = 0; channel < m; channel++) {
        const scale = scales[channel] as number;
        let largest = 0;
        for (let at = 0; at < layout.k; at++) {
          const weight = weights[layout.index(channel, at)] as number;
          largest = Math.max(largest, Math.abs(weight));
          const error = Math.abs(weight - scale * (integers[layout.index(channel, at)] as number));
          assert.ok(error <= scale * 0.5 * (1 + 1e-5), `error ${error} with scale ${scale}`);
        }
        if (largest > 1e-30) assert.ok(scale <= (largest / 64) * 1.02, `scale ${scale} for weights up to ${largest}`);
      }
    }),
    { seed: 1, numRuns: 300 },
  );
});
