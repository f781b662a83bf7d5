import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Interval } from '../../src/evaluation/statistics/confidence.js';
import { meanOf, momentsOf } from '../../src/evaluation/statistics/mean.js';
import { pairedProportions } from '../../src/evaluation/statistics/paired-proportions.js';
import { samplesNeeded } from '../../src/evaluation/statistics/samples-needed.js';
import { studentT975 } from '../../src/evaluation/statistics/student-t.js';
import { proportion } from '../../src/evaluation/statistics/wilson.js';
import { seededRandom } from '../../src/platform/random.js';

const close = (actual: readonly number[], expected: readonly number[], tolerance: number) => {
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs((actual[i] as number) - value) <= tolerance, `[${actual}] is not [${expected}]`);
  }
};

describe('pairedProportions', () => {
  const published: readonly (readonly [source: string, lost: number, gained: number, n: number, interval: Interval])[] =
    [
      ['Fagerland, Lydersen and Laake 2014, Table V', 1, 7, 21, [-0.517, -0.026]],
      ['Agresti and Min 2005', 16, 8, 86, [-0.02, 0.207]],
    ];
  for (const [source, lost, gained, n, interval] of published) {
    it(`gives the interval of ${source}`, () => close(pairedProportions(lost, gained, n).ci95, interval, 5e-4));
  }

  // Inverted test with the restricted likelihood maximised numerically (golden section) instead of in closed form.
  const independent: readonly (readonly [lost: number, gained: number, n: number, interval: Interval])[] = [
    [0, 0, 140, [-0.026706, 0.026706]],
    [3, 0, 140, [-0.00585, 0.061105]],
    [5, 2, 600, [-0.004702, 0.016431]],
    [12, 30, 500, [-0.06317, -0.011095]],
    [40, 20, 160, [0.030865, 0.218064]],
    [2, 998, 2000, [-0.519973, -0.476012]],
  ];
  for (const [lost, gained, n, interval] of independent) {
    it(`${lost} lost and ${gained} gained of ${n}`, () =>
      close(pairedProportions(lost, gained, n).ci95, interval, 2e-6));
  }

  it('is antisymmetric and holds its estimate, up to all lost', () => {
    for (const [lost, gained, n] of [
      [0, 5, 9],
      [9, 0, 9],
      [4, 4, 9],
      [1, 0, 1],
    ] as const) {
      const { value, ci95 } = pairedProportions(lost, gained, n);
      const mirrored = pairedProportions(gained, lost, n).ci95;
      close(ci95, [-mirrored[1], -mirrored[0]], 1e-9);
      assert.ok(ci95[0] <= value && value <= ci95[1] && ci95[0] >= -1 && ci95[1] <= 1);
    }
  });

  /** Exact coverage: the probability, over all possible counts, that the interval holds the true difference. */
  function coverage(pLost: number, pGained: number, n: number): { covered: number; above: number } {
    const rest = 1 - pLost - pGained;
    const logFactorials = [0];
    for (let i = 1; i <= n; i++) logFactorials.push((logFactorials[i - 1] as number) + Math.log(i));
    const log = (count: number, p: number) => (count === 0 ? 0 : count * Math.log(p));
    const result = { covered: 0, above: 0 };
    for (let lost = 0; lost <= n; lost++) {
      for (let gained = 0; lost + gained <= n; gained++) {
        const others = n - lost - gained;
        const ways =
          (logFactorials[n] as number) -
          (logFactorials[lost] as number) -
          (logFactorials[gained] as number) -
          (logFactorials[others] as number);
        const probability = Math.exp(ways + log(lost, pLost) + log(gained, pGained) + log(others, rest));
        if (!(probability > 1e-9)) continue;
        const [low, high] = pairedProportions(lost, gained, n).ci95;
        if (low <= pLost - pGained && pLost - pGained <= high) result.covered += probability;
        if (high < pLost - pGained) result.above += probability;
      }
    }
    return result;
  }
  for (const [pLost, pGained, n] of [
    [0.005, 0, 140],
    [0.02, 0, 140],
    [0.02, 0.01, 140],
    [0.05, 0.05, 140],
    [0.1, 0.02, 50],
    [0.01, 0.005, 400],
  ] as const) {
    it(`covers a drop of ${pLost} - ${pGained} in ${n} samples`, () => {
      const { covered, above } = coverage(pLost, pGained, n);
      assert.ok(covered > 0.935, `covers ${covered}`);
      assert.ok(above < 0.05, `hides a true drop in ${above}`);
    });
  }
});

describe('proportion', () => {
  // Newcombe 1998, Statistics in Medicine 17, 857-872, Table I, method 3.
  const published: readonly (readonly [successes: number, n: number, interval: Interval])[] = [
    [81, 263, [0.2553, 0.3662]],
    [15, 148, [0.0624, 0.1605]],
    [0, 20, [0, 0.1611]],
    [1, 29, [0.0061, 0.1718]],
    [20, 20, [0.8389, 1]],
  ];
  for (const [successes, n, interval] of published) {
    it(`${successes} of ${n}`, () => close(proportion(successes, n).ci95, interval, 5e-5));
  }
});

describe('studentT975', () => {
  // Standard tables.
  const table: readonly (readonly [degrees: number, t: number])[] = [
    [1, 12.7062],
    [2, 4.3027],
    [3, 3.1824],
    [4, 2.7764],
    [5, 2.5706],
    [9, 2.2622],
    [10, 2.2281],
    [30, 2.0423],
    [60, 2.0003],
    [120, 1.9799],
    [100_000, 1.96],
  ];
  for (const [degrees, t] of table) it(`${degrees} degrees`, () => close([studentT975(degrees)], [t], 5e-5));
});

describe('meanOf', () => {
  const SKEWED = [0.01, 0.02, 0.015, 0.4, 0.012, 0.03, 0.011, 0.022, 0.019, 0.25];
  const ANY: Interval = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

  it("is Hall's interval, as NumPy computes it", () => {
    const { value, ci95 } = meanOf(momentsOf(SKEWED), ANY);
    close([value, ...ci95], [0.0789, 0.009415598606868872, 0.4654413241703137], 1e-8);
  });
  it("is Student's interval when nothing is skewed", () => {
    const { ci95 } = meanOf(momentsOf([1, 2, 3, 4, 5]), ANY);
    close(ci95, [3 - 1.9632432, 3 + 1.9632432], 1e-6);
  });
  it('stays in the range', () => assert.equal(meanOf(momentsOf(SKEWED), [0, 0.1]).ci95[1], 0.1));
  it('needs two values', () => assert.throws(() => meanOf(momentsOf([1]), ANY), RangeError));

  it("covers skewed errors that Student's interval misses", () => {
    const random = seededRandom(7);
    const REPETITIONS = 3000;
    const N = 20;
    let hall = 0;
    let student = 0;
    for (let i = 0; i < REPETITIONS; i++) {
      // Exponential with mean 1.
      const moments = momentsOf(Float64Array.from({ length: N }, () => -Math.log(1 - random())));
      const [low, high] = meanOf(moments, ANY).ci95;
      if (low <= 1 && 1 <= high) hall++;
      if (Math.abs(moments.mean - 1) <= (studentT975(N - 1) * moments.deviation) / Math.sqrt(N)) student++;
    }
    assert.ok(hall / REPETITIONS > 0.935, `covers ${hall / REPETITIONS}`);
    assert.ok(student < hall);
  });
});

describe('samplesNeeded', () => {
  const half = (n: number): Interval => [0.5 - 1 / Math.sqrt(n), 0.5 + 1 / Math.sqrt(n)];
  it('finds the fewest', () =>
    assert.equal(
      samplesNeeded(5, half, ([low]) => low > 0.4),
      101,
    ));
  it('gives up on what never shows', () =>
    assert.equal(
      samplesNeeded(5, half, ([low]) => low > 0.5),
      undefined,
    ));
});
