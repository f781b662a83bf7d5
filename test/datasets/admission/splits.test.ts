import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DatasetManifest, SPLIT_NAMES } from '../../../src/contracts/dataset.js';
import { planSplits, type Splits, splitSizes, type WantedSamples } from '../../../src/datasets/admission/splits.js';

const WANTED: WantedSamples = { calibration: 256, evaluation: 2000 };
const TRAINING: WantedSamples = { ...WANTED, calibration: 0, training: true };
const plan = (count: number, splits?: unknown, wanted = WANTED, seed = 0): Splits =>
  planSplits(count, DatasetManifest.parse(splits === undefined ? {} : { splits }), wanted, seed);
const sizes = (splits: Splits) => SPLIT_NAMES.map((name) => splits[name].length);

/** calibration, training, selection, evaluation. */
const PLANNED: readonly (readonly [string, Splits, number[], Splits['source']])[] = [
  ['10 samples', plan(10), [3, 0, 1, 6], 'seeded'],
  ['200 samples', plan(200), [66, 0, 25, 109], 'seeded'],
  ['600 samples', plan(600), [200, 0, 75, 325], 'seeded'],
  ['10,000 samples', plan(10_000), [256, 7244, 500, 2000], 'seeded'],
  ['training on 600 samples', plan(600, undefined, TRAINING), [0, 405, 75, 120], 'seeded'],
  ['more to choose on when it trains', plan(20_000, undefined, TRAINING), [0, 16_000, 2000, 2000], 'seeded'],
  ['training and calibration', plan(600, undefined, { ...WANTED, training: true }), [200, 205, 75, 120], 'seeded'],
  [
    'training stated, selection out of it',
    plan(600, { training: [0, 400], evaluation: [400, 600] }, TRAINING),
    [0, 350, 50, 200],
    'manifest',
  ],
  ['no calibration', plan(600, undefined, { calibration: 0, evaluation: 2000 }), [0, 0, 0, 600], 'seeded'],
  ['one sample, no calibration', plan(1, undefined, { calibration: 0, evaluation: 2000 }), [0, 0, 0, 1], 'seeded'],
  [
    'all stated, selection out of calibration',
    plan(600, { calibration: [0, 200], evaluation: [200, 600] }),
    [160, 0, 40, 400],
    'manifest',
  ],
  ['only evaluation stated', plan(600, { evaluation: [200, 600] }), [175, 0, 25, 400], 'manifest'],
  ['only calibration stated', plan(600, { calibration: [0, 200] }), [200, 0, 50, 350], 'manifest'],
  [
    'ranges larger than wanted',
    plan(9000, { calibration: [0, 4000], evaluation: [4000, 9000] }),
    [205, 0, 51, 2000],
    'manifest',
  ],
  [
    'every split stated',
    plan(10, { calibration: [0, 2], training: [2, 5], selection: [5, 6], evaluation: [6, 10] }),
    [2, 3, 1, 4],
    'manifest',
  ],
];
for (const [name, splits, expected, source] of PLANNED)
  test(`splits: ${name}`, () => {
    assert.deepEqual(sizes(splits), expected);
    assert.equal(splits.source, source);
  });

test('splits are disjoint, ascending, inside the dataset and inside their ranges', () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 300 }), cuts, fc.nat(), (count, points, seed) => {
      const sorted = points.filter((point) => point <= count).sort((a, b) => a - b);
      const ranges = SPLIT_NAMES.flatMap((name, index) => {
        const [from, to] = [sorted[2 * index], sorted[2 * index + 1]];
        return from === undefined || to === undefined ? [] : [[name, [from, to]] as const];
      });
      let splits: Splits;
      try {
        const wanted = { calibration: 20, evaluation: 50, training: seed % 2 === 0 };
        splits = plan(count, Object.fromEntries(ranges), wanted, seed);
      } catch (error) {
        return (error as { code?: string }).code === 'dataset_too_small';
      }
      const all = SPLIT_NAMES.flatMap((name) => splits[name]);
      assert.equal(new Set(all).size, all.length);
      assert.ok(all.every((index) => Number.isInteger(index) && index >= 0 && index < count));
      for (const name of SPLIT_NAMES)
        assert.deepEqual(
          [...splits[name]],
          splits[name].toSorted((a, b) => a - b),
        );
      for (const [name, [from, to]] of ranges)
        if (name !== 'selection') assert.ok(splits[name].every((index) => index >= from && index < to));
      return true;
    }),
    { seed: 1 },
  );
});

test('sizes are those of the splits that are drawn', () => {
  const size = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      size,
      size,
      fc.boolean(),
      fc.boolean(),
      (count, calibration, evaluation, first, last) => {
        const third = Math.floor(count / 3);
        const manifest = DatasetManifest.parse({
          splits: {
            ...(first && third > 0 && { calibration: [0, third] }),
            ...(last && { evaluation: [third, count] }),
          },
        });
        const wanted = { calibration, evaluation };
        let drawn: Splits;
        try {
          drawn = planSplits(count, manifest, wanted, 1);
        } catch {
          assert.throws(() => splitSizes(count, manifest, wanted), { code: 'dataset_too_small' });
          return;
        }
        const planned = splitSizes(count, manifest, wanted);
        assert.deepEqual(
          sizes(drawn),
          SPLIT_NAMES.map((name) => planned[name]),
        );
        assert.equal(drawn.source, planned.source);
      },
    ),
    { seed: 1 },
  );
});

test('sizes need no list of the samples', () => {
  const planned = splitSizes(2 ** 50, DatasetManifest.parse({}), WANTED);
  assert.deepEqual([planned.calibration, planned.selection, planned.evaluation], [256, 500, 2000]);
});

test('equal seeds give equal splits, other seeds other ones', () => {
  assert.deepEqual(plan(600, undefined, WANTED, 7), plan(600, undefined, WANTED, 7));
  assert.notDeepEqual(plan(600, undefined, WANTED, 7), plan(600, undefined, WANTED, 8));
});

const TOO_SMALL: readonly (readonly [string, () => Splits, RegExp])[] = [
  ['nine samples', () => plan(9), /9 samples; .* at least 10/],
  ['nothing left for evaluation', () => plan(20, { calibration: [0, 20] }), /evaluation/],
  ['too few to train on', () => plan(9, undefined, TRAINING), /9 samples; .* at least 10/],
  ['nothing left for training', () => plan(20, { evaluation: [0, 20] }, TRAINING), /training/],
  ['nothing left for calibration', () => plan(20, { evaluation: [0, 20] }), /calibration/],
];
for (const [name, planned, says] of TOO_SMALL)
  test(`too small: ${name}`, () => {
    assert.throws(planned, { code: 'dataset_too_small', message: says });
  });
