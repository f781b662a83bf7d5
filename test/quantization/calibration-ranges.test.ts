import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { entropyRange } from '../../src/quantization/calibration/entropy-range.js';
import { BINS, Histogram } from '../../src/quantization/calibration/histogram.js';
import { mseRange } from '../../src/quantization/calibration/mse-range.js';
import { percentileRange } from '../../src/quantization/calibration/percentile-range.js';
import { quantizationError } from '../../src/quantization/calibration/quantization-error.js';
import { leastErrorRange } from '../../src/quantization/calibration/range-methods.js';
import { quantizationParameters, type Range, UINT8 } from '../../src/quantization/parameters.js';
import { roundAndClip } from '../../src/quantization/rounding.js';
import { ACTIVATIONS } from './calibration-data.js';

interface Golden {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  /** The numbers on both sides of the lower and of the upper quantile. */
  readonly percentiles: Readonly<Record<string, [below: [number, number], above: [number, number]]>>;
  readonly entropy: [number, number];
  readonly least_squared_error: number;
  readonly minmax_squared_error: number;
}

/** What numpy gives for the same numbers (golden/make-calibration.py). */
const golden = JSON.parse(readFileSync('test/quantization/golden/calibration.json', 'utf8')) as Record<string, Golden>;

/** The squared error over the numbers themselves. */
function squaredError(values: Float32Array, range: Range): number {
  const { scale, zeroPoint } = quantizationParameters(range, UINT8, { symmetric: false });
  return values.reduce(
    (sum, value) => sum + (value - scale * (roundAndClip(value / scale + zeroPoint, 0, 255) - zeroPoint)) ** 2,
    0,
  );
}

const near = (found: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found}, numpy ${expected}`);

for (const [name, values] of Object.entries(ACTIVATIONS)) {
  describe(`activations "${name}"`, () => {
    const expected = golden[name] as Golden;
    const histogram = new Histogram({ min: expected.min, max: expected.max });
    histogram.add(values);

    test('are the numbers that numpy saw', () => {
      assert.equal(values.length, expected.count);
      assert.equal(Math.min(...values), expected.min);
      assert.equal(Math.max(...values), expected.max);
    });

    test('percentiles are within a bin of the exact quantiles', () => {
      for (const [percent, quantiles] of Object.entries(expected.percentiles)) {
        const found = percentileRange(histogram, Number(percent));
        for (const [at, [low, high]] of [
          [found.min, quantiles[0]],
          [found.max, quantiles[1]],
        ] as const) {
          const inside = at >= low - histogram.width && at <= high + histogram.width;
          assert.ok(inside, `${percent}: ${at}, numpy between ${low} and ${high}`);
        }
      }
      assert.deepEqual(percentileRange(histogram, 100), histogram.range);
    });

    test('entropy finds the thresholds of the reference search', () => {
      const found = entropyRange(histogram);
      near(found.min, expected.entropy[0], histogram.width * 1e-3, 'min');
      near(found.max, expected.entropy[1], histogram.width * 1e-3, 'max');
    });

    test('mse is as good as trying every pair of ends on the numbers themselves', () => {
      const error = squaredError(values, mseRange(histogram));
      assert.ok(error <= expected.least_squared_error * 1.02, `${error} against ${expected.least_squared_error}`);
    });

    test('the error of a histogram is the error of its numbers', () => {
      const error = quantizationError(histogram)(histogram.range);
      const exact = squaredError(values, histogram.range);
      near(exact, expected.minmax_squared_error, expected.minmax_squared_error * 1e-4, 'exact');
      near(error, exact, exact * 0.1, 'histogram');
    });

    test('the best of all is no worse than any of them', () => {
      const all = histogram.range;
      const mean = { min: all.min * 0.7, max: all.max * 0.7 };
      const error = quantizationError(histogram);
      const best = error(leastErrorRange({ all, mean }, histogram));
      const others = [
        all,
        mean,
        mseRange(histogram),
        ...[99.9, 99.99, 99.999].map((p) => percentileRange(histogram, p)),
      ];
      for (const range of others) assert.ok(best <= error(range));
    });
  });
}

test('all methods take constants, zeros and a lone outlier of any size', () => {
  const rows: [name: string, values: number[]][] = [
    ['zeros', [0, 0, 0]],
    ['a positive constant', [3, 3, 3]],
    ['a negative constant', [-3, -3]],
    ['one huge number', [...Array.from({ length: 1000 }, (_, i) => i / 1000), 1e30]],
    ['the smallest numbers', [1e-45, 0, -1e-45]],
  ];
  for (const [name, numbers] of rows) {
    const values = Float32Array.from(numbers);
    const all = { min: Math.min(...values), max: Math.max(...values) };
    const histogram = new Histogram(all);
    histogram.add(values);
    assert.equal(
      histogram.counts.reduce((sum, count) => sum + count, 0),
      values.length,
    );
    const extremes = { all, mean: all };
    for (const range of [
      percentileRange(histogram, 99.99),
      entropyRange(histogram),
      mseRange(histogram),
      leastErrorRange(extremes, histogram),
    ]) {
      assert.ok(range.min >= Math.min(all.min, 0) && range.max <= Math.max(all.max, 0), `${name}: ${range.min}`);
      const { scale } = quantizationParameters(range, UINT8, { symmetric: false });
      assert.ok(Number.isFinite(scale) && scale > 0, name);
    }
  }
});

test('a histogram counts every number once, the ends inside', () => {
  const histogram = new Histogram({ min: -1, max: 1 });
  histogram.add(Float32Array.of(-1, 1, 0, -5, 5));
  assert.equal(histogram.counts[0], 2);
  assert.equal(histogram.counts[BINS - 1], 2);
  assert.equal(histogram.counts[BINS / 2], 1);
  assert.throws(() => new Histogram({ min: 0, max: Number.POSITIVE_INFINITY }), RangeError);
});
