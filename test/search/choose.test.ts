import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Candidate } from '../../src/search/candidate.js';
import { choose } from '../../src/search/choose.js';
import { judge, losesTooMuch } from '../../src/search/judge.js';
import { reportCandidates } from '../../src/search/report-candidates.js';
import { candidate, measurements } from './fixtures.js';

const unmet = (name: string, bound: number, value: number) => ({
  requirements: [{ name, bound, value, ci95: null, verdict: 'not_met' as const }],
});

describe('judge', () => {
  const CASES = [
    { is: 'faster and as good', speed: 1.2, drop: 0, refused: null },
    { is: 'slower', speed: 0.81, drop: 0, refused: /^slower than the original: 0\.81x, 95 % interval 0\.79 to 0\.83$/ },
    { is: 'as fast as the original', speed: 0.995, drop: 0, refused: null },
    { is: 'certainly worse', speed: 2, drop: 0.05, refused: /^loses 0\.050 of top1/ },
    { is: 'worse by chance', speed: 2, drop: 0.05, dropError: 0.06, refused: null },
    { is: 'worse within the bound', speed: 2, drop: 0.009, refused: null },
    {
      is: 'slower where only the size is required',
      speed: 0.9,
      drop: 0,
      require: { max_size_ratio: 0.3, strict: false },
      refused: /slower/,
    },
    {
      is: 'slower where that is allowed',
      speed: 0.9,
      drop: 0,
      require: { min_speedup: 0.8, strict: false },
      refused: null,
    },
    {
      is: 'worse where that is allowed',
      speed: 2,
      drop: 0.05,
      require: { max_metric_drop: 0.1, strict: false },
      refused: null,
    },
    {
      is: 'short of a requirement',
      speed: 1.2,
      drop: 0,
      require: { min_speedup: 1.5, strict: false },
      requirements: unmet('min_speedup', 1.5, 1.2).requirements,
      refused: /^misses min_speedup 1\.5: 1\.20$/,
    },
  ];
  for (const { is, speed, drop, require, refused, ...rest } of CASES) {
    test(is, () => {
      const found = judge(measurements(speed, drop, rest), require);
      if (refused === null) assert.equal(found.refused, null);
      else assert.match(found.refused ?? '', refused);
    });
  }

  test('a drop certainly beyond the bound is always too much', () => {
    assert.equal(losesTooMuch(measurements(1, 0.02, { dropError: 0.005 }), undefined), true);
  });
});

describe('choose', () => {
  const fast = candidate('fast', 500, measurements(2, 0.005));
  const small = candidate('small', 100, measurements(1.2, 0));
  const both = candidate('fast and smaller', 300, measurements(1.99, 0.005));
  const slow = candidate('slow', 50, measurements(0.7, 0));
  const beaten = candidate('beaten', 600, measurements(1.1, 0.006));
  const bad = candidate('bad', 90, measurements(3, 0.2));
  const all: Candidate[] = [fast, small, both, slow, beaten, bad];

  test('the fastest; among those as fast as measuring can tell, the smallest', () => {
    assert.equal(choose(all, 'latency', 0.01).chosen, both);
  });

  test('the smallest of those that are no slower', () => {
    assert.equal(choose(all, 'size', 0.01).chosen, small);
  });

  test('the front holds what nothing beats in everything, and names who beats the others', () => {
    const choice = choose(all, 'latency', 0.01);
    assert.deepEqual(choice.front, [small, both]);
    const rows = Object.fromEntries(reportCandidates(all, choice).map((row) => [row.variant, row]));
    assert.match(rows.beaten?.refused ?? '', /no smaller or better than int8_static \(small\), and slower/);
    assert.match(
      rows.fast?.refused ?? '',
      /as fast as int8_static \(fast and smaller\) within noise \(1\.01x, 95 % interval 0\.99 to 1\.02\), no smaller/,
    );
    assert.deepEqual(rows.fast?.speedup_ci95, [1.98, 2.02]);
    assert.match(rows.slow?.refused ?? '', /slower/);
    assert.deepEqual(
      Object.values(rows)
        .filter(({ chosen }) => chosen)
        .map(({ variant }) => variant),
      ['fast and smaller'],
    );
  });

  test('of those that score the same, the one whose outputs are nearer, unless it is much larger', () => {
    const int4 = (bytes: number) => candidate('int4', bytes, measurements(1.5, 0, { noise: 0.01 }));
    const int8 = candidate('int8', 220, measurements(1.5, 0));
    assert.equal(choose([int4(190), int8], 'latency', 0.01).chosen, int8);
    assert.equal(choose([int4(190), int8], 'latency', 0.01).front.length, 2);
    const small = int4(120);
    assert.equal(choose([small, int8], 'latency', 0.01).chosen, small);
  });

  test('a drop that only chance excuses is taken where nothing else is as fast', () => {
    const excused = candidate('excused', 100, measurements(1.5, 0.03, { dropError: 0.05 }));
    const within = candidate('within', 300, measurements(1.49, 0.01));
    for (const objective of ['latency', 'size'] as const) {
      assert.equal(choose([excused, within], objective, 0.01).chosen, within);
      assert.equal(choose([excused, within], objective, 0.03).chosen, excused);
      assert.equal(choose([excused], objective, 0.01).chosen, excused);
    }
    const slow = candidate('slow', 300, measurements(1.1, 0));
    assert.equal(choose([excused, slow], 'latency', 0.01).chosen, excused);
  });

  test('requirements decide where nothing satisfies what nobody required', () => {
    const require = { max_size_ratio: 0.3, strict: false };
    const slowButSmall = candidate('slow but small', 50, measurements(0.7, 0), require);
    assert.equal(choose([slowButSmall], 'latency', 0.01).chosen, slowButSmall);
    const fitting = candidate('fitting', 60, measurements(1.1, 0), require);
    assert.equal(choose([slowButSmall, fitting], 'size', 0.01).chosen, fitting);
  });

  test('the original, where it does all that is required and only slower models do it too', () => {
    for (const require of [{ max_metric_drop: 0.01 }, { max_size_ratio: 1 }]) {
      const slower = candidate('slower', 250, measurements(0.8, 0), { ...require, strict: false });
      assert.equal(choose([slower], 'latency', 0.01).chosen, null, JSON.stringify(require));
    }
  });

  test('what speaks against a model that only the requirements speak for stays in its line', () => {
    const small = candidate('small', 50, measurements(0.7, 0), { max_size_ratio: 0.3, strict: false });
    const [line] = reportCandidates([small], choose([small], 'latency', 0.01));
    assert.equal(line?.chosen, true);
    assert.match(line?.refused ?? '', /slower than the original/);
  });

  test('nothing when nothing is acceptable: the report names the original as the last resort', () => {
    const choice = choose([slow, bad], 'latency', 0.01);
    assert.equal(choice.chosen, null);
    const last = reportCandidates([slow, bad], choice).at(-1);
    assert.equal(last?.scheme, 'original');
    assert.equal(last?.chosen, true);
    assert.match(last?.variant ?? '', /last resort/);
  });
});
