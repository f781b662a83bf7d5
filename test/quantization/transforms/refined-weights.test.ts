import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { elements, floats, type Tensor, tensor } from '../../../src/onnx/ir/tensor.js';
import { convSumOrder, isExactOnEveryCpu } from '../../../src/onnx/saturation.js';
import { seededRandom } from '../../../src/platform/random.js';
import { leastErrorWeights } from '../../../src/quantization/transforms/least-error-weights.js';
import { roundedForInputs } from '../../../src/quantization/transforms/rounded-weights.js';
import { convLayout } from '../../../src/quantization/weight-layout.js';
import { type PlainWeights, type QuantizedWeights, quantizeWeights } from '../../../src/quantization/weights.js';
import { randomTensors } from '../fixtures.js';

const breathe = async () => {};
const dims = [6, 4, 3, 3];
const layout = convLayout(dims);
const { k } = layout;

function plain(
  weight: Tensor,
  options: { perChannel: boolean; avoidSaturation: boolean; leastScale?: () => number },
): PlainWeights {
  const weights = elements(weight, 'float32');
  return { weights, layout, options, quantized: quantizeWeights(weights, layout, options) };
}

/** A few weights far larger than all others. */
const outlying = floats(
  elements(randomTensors(dims, 1, 3)[0] as Tensor, 'float32').map((value, i) => (i % 17 === 0 ? value * 6 : value)),
  dims,
);

/** Two neighbours in every sum that are larger than all others: both at their extreme, they do not fit 16 bits. */
const paired = floats(
  elements(randomTensors(dims, 1, 6)[0] as Tensor, 'float32').map((value, i) =>
    i % 36 === 0 || i % 36 === 9 ? 2 : value,
  ),
  dims,
);

/** e = w − ŵ of one channel, in the order of the layout. */
const errors = ({ weights }: PlainWeights, { integers, scales, perChannel }: QuantizedWeights, channel: number) =>
  Array.from({ length: k }, (_, i) => {
    const at = layout.index(channel, i);
    return (weights[at] as number) - (scales[perChannel ? channel : 0] as number) * (integers[at] as number);
  });
const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
const total = (from: PlainWeights, found: QuantizedWeights, of: (e: readonly number[], channel: number) => number) =>
  Array.from({ length: layout.channels }, (_, channel) => of(errors(from, found, channel), channel)).reduce(
    (a, b) => a + b,
  );

/** XᵀX of correlated inputs. */
function moments(seed: number): Float32Array {
  const random = seededRandom(seed);
  const matrix = new Float32Array(k * k);
  for (let sample = 0; sample < 200; sample++) {
    const common = random();
    const x = Array.from({ length: k }, (_, i) => common + 0.3 * random() + (i % 5) * 0.1);
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) (matrix[i * k + j] as number) += ((x[i] as number) * (x[j] as number)) / 200;
  }
  return matrix;
}

for (const perChannel of [true, false])
  for (const avoidSaturation of [true, false])
    describe(`${perChannel ? 'per channel' : 'per tensor'}${avoidSaturation ? ', pairs that cannot saturate' : ''}`, () => {
      const from = plain(avoidSaturation ? paired : outlying, { perChannel, avoidSaturation });
      const safe = (found: QuantizedWeights) =>
        assert.equal(isExactOnEveryCpu(tensor('int8', dims, found.integers), convSumOrder(4)), true);

      test('the scale of least error beats that of the extremes', async () => {
        const found = await leastErrorWeights(from, breathe);
        const [before, after] = [total(from, from.quantized, squares), total(from, found, squares)];
        assert.ok(after < before, `${after} after ${before}`);
        if (avoidSaturation) safe(found);
      });

      test('rounding for what the layer reads lowers the error of its outputs', async () => {
        const matrix = moments(5);
        const start = await leastErrorWeights(from, breathe);
        const found = await roundedForInputs(from, start, { k, groups: [matrix] }, breathe);
        const output = (e: readonly number[]) =>
          e.reduce(
            (sum, a, i) => sum + e.reduce((inside, b, j) => inside + a * b * (matrix[i * k + j] as number), 0),
            0,
          );
        const [before, after] = [total(from, start, output), total(from, found, output)];
        assert.ok(after < before / 2, `${after} after ${before}`);
        if (avoidSaturation) safe(found);
      });
    });

test('scales stay above the bound that a bias needs', async () => {
  const bound = 0.09;
  const from = plain(outlying, { perChannel: true, avoidSaturation: false, leastScale: () => bound });
  const start = await leastErrorWeights(from, breathe);
  const found = await roundedForInputs(from, start, { k, groups: [moments(2)] }, breathe);
  for (const scales of [start.scales, found.scales])
    for (const scale of scales) assert.ok(scale >= Math.fround(bound) * (1 - 1e-6));
});

test('groups of a convolution are rounded for their own inputs; a dead input changes nothing', async () => {
  const from = plain(outlying, { perChannel: true, avoidSaturation: false });
  const dead = new Float32Array(k * k);
  const found = await roundedForInputs(from, from.quantized, { k, groups: [dead, moments(4)] }, breathe);
  const half = outlying.bytes.length / 8;
  assert.deepEqual(found.integers.slice(0, half), from.quantized.integers.slice(0, half));
  assert.notDeepEqual(found.integers.slice(half), from.quantized.integers.slice(half));
});
