import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { elements, type Tensor } from '../../src/onnx/ir/tensor.js';
import { type BlockWeights, quantizeInBlocks } from '../../src/quantization/block-weights.js';
import { quantizeByGptq } from '../../src/quantization/gptq.js';
import { randomTensors } from './fixtures.js';

const size = (min: number, max: number) => fc.integer({ min, max });
const numbers = (dims: readonly number[], seed: number) =>
  Array.from(elements(randomTensors(dims, 1, seed)[0] as Tensor, 'float32'));
const breathe = async () => {};

interface Layer {
  readonly channels: number;
  readonly k: number;
  /** [channels][k] */
  readonly weights: readonly (readonly number[])[];
  /** Σ x xᵀ, [k][k] */
  readonly hessian: readonly (readonly number[])[];
}

/** A layer whose inputs are correlated, some much larger than others, as activations are. */
function layer(channels: number, k: number, samples: number, seed: number): Layer {
  const raw = numbers([samples, k], seed);
  const common = numbers([samples], seed + 1);
  const gains = numbers([k], seed + 2).map((gain) => 10 ** (2 * gain));
  const x = Array.from({ length: samples }, (_, row) =>
    gains.map((gain, i) => gain * ((raw[row * k + i] as number) + 2 * (common[row] as number))),
  );
  const flat = numbers([channels, k], seed + 3);
  return {
    channels,
    k,
    weights: Array.from({ length: channels }, (_, channel) => flat.slice(channel * k, (channel + 1) * k)),
    hessian: Array.from({ length: k }, (_, i) =>
      Array.from({ length: k }, (_, j) => x.reduce((sum, row) => sum + (row[i] as number) * (row[j] as number), 0)),
    ),
  };
}

const restored = ({ integers, scales, zeroPoints, blocks, length }: BlockWeights, channel: number, k: number) => {
  const block = channel * blocks + Math.floor(k / length);
  return (
    (scales[block] as number) * ((integers[channel * blocks * length + k] as number) - (zeroPoints[block] as number))
  );
};

/** (w − ŵ)ᵀ H (w − ŵ) over all channels: the squared error of the layer's outputs. */
function outputError({ weights, hessian, k }: Layer, found: BlockWeights): number {
  return weights.reduce((total, row, channel) => {
    const lost = row.map((weight, i) => weight - restored(found, channel, i));
    for (let i = 0; i < k; i++) {
      for (let j = 0; j < k; j++) total += (lost[i] as number) * (hessian[i]?.[j] as number) * (lost[j] as number);
    }
    return total;
  }, 0);
}

/** Solves A x = b by elimination with pivots. */
function solve(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = a.map((row, i) => [...row, b[i] as number]);
  const n = b.length;
  for (let column = 0; column < n; column++) {
    const pivot = rows.findIndex(
      (row, i) =>
        i >= column &&
        Math.abs(row[column] as number) ===
          Math.max(...rows.slice(column).map((each) => Math.abs(each[column] as number))),
    );
    [rows[column], rows[pivot]] = [rows[pivot] as number[], rows[column] as number[]];
    for (let i = 0; i < n; i++) {
      if (i === column) continue;
      const factor = (rows[i]?.[column] as number) / (rows[column]?.[column] as number);
      for (let j = column; j <= n; j++)
        (rows[i] as number[])[j] = (rows[i]?.[j] as number) - factor * (rows[column]?.[j] as number);
    }
  }
  return rows.map((row, i) => (row[n] as number) / (row[i] as number));
}

/**
 * What GPTQ means, without its factorisation: round the inputs one by one, and set all that are still open to the exact least-squares
 * optimum given those that are rounded, δ_open = −H_oo⁻¹ H_or δ_rounded, by solving the dense system anew each time.
 */
function reference({ weights, hessian, k }: Layer, grids: BlockWeights): number[][] {
  const mean = hessian.reduce((sum, row, i) => sum + (row[i] as number) / k, 0);
  const damped = hessian.map((row, i) => row.map((value, j) => value + (i === j ? 0.01 * mean : 0)));
  const order = Array.from({ length: k }, (_, i) => i).sort(
    (a, b) => (hessian[b]?.[b] as number) - (hessian[a]?.[a] as number) || a - b,
  );
  return weights.map((row, channel) => {
    const integers: number[] = Array.from({ length: k }, () => 0);
    const delta = new Map<number, number>();
    for (const [position, input] of order.entries()) {
      const open = order.slice(position);
      const rounded = order.slice(0, position);
      const shift =
        position === 0
          ? [0]
          : solve(
              open.map((i) => open.map((j) => damped[i]?.[j] as number)),
              open.map(
                (i) => -rounded.reduce((sum, j) => sum + (damped[i]?.[j] as number) * (delta.get(j) as number), 0),
              ),
            );
      const weight = (row[input] as number) + (shift[0] as number);
      const block = channel * grids.blocks + Math.floor(input / grids.length);
      const [scale, zeroPoint] = [grids.scales[block] as number, grids.zeroPoints[block] as number];
      const integer = Math.min(2 ** grids.bits - 1, Math.max(0, Math.floor(weight / scale + zeroPoint + 0.5)));
      integers[input] = integer;
      delta.set(input, scale * (integer - zeroPoint) - (row[input] as number));
    }
    return integers;
  });
}

const run = (given: Layer, length: number, bits: 2 | 3 | 4, symmetric: boolean) => {
  const values = Float64Array.from(given.hessian.flat());
  const at = (channel: number, k: number) => given.weights[channel]?.[k] as number;
  const hessian = { k: given.k, values };
  const options = { bits, symmetric, method: 'gptq' as const };
  return quantizeByGptq({ ...given, length, wholeZeroPoints: true }, at, () => hessian, options, breathe);
};

describe('gptq', () => {
  test('rounds as the exact least-squares optimum of the open weights says', async () => {
    await fc.assert(
      fc.asyncProperty(
        size(1, 3),
        size(2, 20),
        size(0, 2 ** 30),
        fc.constantFrom(2, 3, 4),
        fc.boolean(),
        async (channels, k, seed, bits, symmetric) => {
          const given = layer(channels, k, 3 * k, seed);
          const found = await run(given, 8, bits as 2 | 3 | 4, symmetric);
          const expected = reference(given, found);
          for (let channel = 0; channel < channels; channel++) {
            const start = channel * found.blocks * found.length;
            assert.deepEqual([...found.integers.subarray(start, start + k)], expected[channel]);
          }
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  test('the outputs on calibration inputs come nearer than by rounding to nearest', async () => {
    const total = { gptq: 0, rtn: 0 };
    for (let seed = 0; seed < 20; seed++) {
      const given = layer(6, 48, 160, seed * 10);
      const at = (channel: number, k: number) => given.weights[channel]?.[k] as number;
      const nearest = await quantizeInBlocks({ ...given, length: 16, wholeZeroPoints: true }, at, {
        bits: 4,
        symmetric: false,
        method: 'rtn',
      });
      const [gptq, rtn] = [outputError(given, await run(given, 16, 4, false)), outputError(given, nearest)];
      assert.ok(gptq <= rtn, `seed ${seed}: ${gptq} of ${rtn}`);
      total.gptq += gptq;
      total.rtn += rtn;
    }
    assert.ok(total.gptq < total.rtn / 3, `${total.gptq} of ${total.rtn}`);
  });

  test('inputs that were always zero are rounded to nearest, and change nothing', async () => {
    const given = layer(2, 12, 40, 5);
    const silent = given.hessian.map((row, i) => row.map((value, j) => (i === 3 || j === 3 ? 0 : value)));
    const found = await run({ ...given, hessian: silent }, 12, 4, false);
    const at = (channel: number, k: number) => given.weights[channel]?.[k] as number;
    const nearest = await quantizeInBlocks({ ...given, length: 12, wholeZeroPoints: true }, at, {
      bits: 4,
      symmetric: false,
      method: 'rtn',
    });
    for (const channel of [0, 1]) assert.equal(found.integers[channel * 12 + 3], nearest.integers[channel * 12 + 3]);
  });

  test('measurements that overflowed say nothing: every weight is rounded to nearest', async () => {
    const given = layer(2, 12, 40, 6);
    const overflowed = given.hessian.map((row, i) => row.map((value, j) => (i === 0 && j === 0 ? Infinity : value)));
    const found = await run({ ...given, hessian: overflowed }, 12, 4, false);
    const at = (channel: number, k: number) => given.weights[channel]?.[k] as number;
    const options = { bits: 4, symmetric: false, method: 'rtn' } as const;
    const nearest = await quantizeInBlocks({ ...given, length: 12, wholeZeroPoints: true }, at, options);
    assert.deepEqual(found.integers, nearest.integers);
  });
});
