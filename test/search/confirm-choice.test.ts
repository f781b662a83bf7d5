import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Candidate, Measurements } from '../../src/search/candidate.js';
import { confirmChoice } from '../../src/search/confirm-choice.js';
import { timeUntilDecided } from '../../src/search/time-until-decided.js';
import type { Workshop } from '../../src/search/workshop.js';
import { candidate, madeModel, measurements } from './fixtures.js';

const { signal } = new AbortController();

/** A workshop that times models as `fresh` says, and notes what it does. */
function workshop(fresh: Readonly<Record<string, Measurements>>) {
  const [timed, made]: [string[], string[]] = [[], []];
  const shop: Workshop = {
    make: async ({ variant }) => {
      made.push(variant);
      return madeModel(variant, 100);
    },
    score: async () => measurements(1, 0),
    timing: (models) => {
      timed.push(models.map((one) => one.made.sha256).join());
      return { round: async () => models.map((one) => fresh[one.made.sha256] ?? measurements(1, 0)) };
    },
    discard: async () => {},
    elapsedSeconds: () => 0,
  };
  return { ...shop, timed, makings: made };
}

const confirm = (candidates: readonly Candidate[], shop: Workshop, seconds = 100) =>
  confirmChoice(candidates, {
    ...{ objective: 'latency', require: undefined, workshop: shop, signal, secondsLeft: () => seconds },
  });

describe('confirming the choice', () => {
  const exact = candidate('exact', 900, measurements(1.05, 0, { noise: 0 }));
  const lucky = candidate('lucky', 200, measurements(1.08, 0));
  const next = candidate('next', 300, measurements(1.06, 0, { noise: 1e-4 }));

  test('a winner that fresh blocks show to be slower gives way to the next in line, and the note says so', async () => {
    const shop = workshop({ lucky: measurements(0.97, 0), next: measurements(1.05, 0), exact: measurements(1.05, 0) });
    const { choice, notes, candidates } = await confirm([exact, lucky, next], shop);
    assert.equal(choice.chosen?.recipe.variant, 'next');
    assert.deepEqual(
      shop.timed.map((names) => names.split(',')[0]),
      ['lucky', 'next'],
    );
    assert.match(notes[0] ?? '', /\(lucky\), 1\.08x in the search, .* 0\.97x, 95 % interval 0\.95 to 0\.99 .*refused/);
    assert.match(candidates[1]?.refused ?? '', /slower than the original: 0\.97x/);
  });

  test('one that stays near the original is taken by the nearer end of what may be', async () => {
    const wide = (speed: number) => measurements(speed, 0, { speedError: 0.015 });
    const only = [candidate('a', 200, measurements(1, 0))];
    assert.equal((await confirm(only, workshop({ a: wide(0.997) }))).choice.chosen?.recipe.variant, 'a');
    const { choice, candidates } = await confirm(only, workshop({ a: wide(0.992) }));
    assert.equal(choice.chosen, null);
    assert.match(candidates[0]?.refused ?? '', /not shown to be as fast as the original: 0\.99x/);
  });

  test('a rival that turns out faster beside it is the choice, confirmed in its turn', async () => {
    const shop = workshop({ lucky: measurements(1.01, 0), exact: measurements(1.2, 0), next: measurements(1.06, 0) });
    const { choice } = await confirm([exact, lucky], shop);
    assert.equal(choice.chosen?.recipe.variant, 'exact');
    assert.deepEqual(shop.timed, ['lucky,exact', 'exact,lucky']);
  });

  describe('what a wide interval refused', () => {
    const unlucky = candidate('unlucky', 100, measurements(0.7, 0, { speedError: 0.29 }));

    test('is heard again where it would be the choice', async () => {
      const shop = workshop({ unlucky: measurements(1.06, 0), next: measurements(1.06, 0) });
      const { choice, notes } = await confirm([unlucky, next], shop);
      assert.match(unlucky.refused ?? '', /slower than the original/);
      assert.equal(choice.chosen?.recipe.variant, 'unlucky');
      assert.match(notes[0] ?? '', /\(unlucky\), 0\.70x in the search, .* 1\.06x/);
    });

    const alone = candidate('too much lost', 100, measurements(0.7, 0.2, { speedError: 0.29 }));
    const CASES = [
      { is: 'not when its speed is certain', other: candidate('slow', 100, measurements(0.7, 0)) },
      { is: 'not when it is no smaller', other: candidate('large', 400, measurements(0.7, 0, { speedError: 0.29 })) },
      { is: 'not when it loses too much', other: alone },
      { is: 'not when the budget is used up', other: unlucky, seconds: 0 },
    ];
    for (const { is, other, seconds } of CASES) {
      test(is, async () => {
        const shop = workshop({ next: measurements(1.06, 0) });
        const { choice } = await confirm([other, next], shop, seconds);
        assert.equal(choice.chosen?.recipe.variant, 'next');
        assert.deepEqual(shop.timed, ['next']);
      });
    }
  });

  test('files that are gone are made again, and nothing is confirmed twice', async () => {
    const gone = { ...lucky, made: { ...madeModel('lucky', 200), files: null } };
    const shop = workshop({ lucky: measurements(1.08, 0) });
    const { choice } = await confirm([gone], shop);
    assert.deepEqual([shop.makings, shop.timed], [['lucky'], ['lucky']]);
    assert.notEqual(choice.chosen?.made.files, null);
  });
});

describe('timing until the numbers decide', () => {
  const rounds = async (options: { decidedAfter: number; secondsEach: number }) => {
    let count = 0;
    const round = async () => {
      count++;
      return [measurements(1, 0)];
    };
    await timeUntilDecided(
      { round },
      {
        ...{ least: 1, most: 16, seconds: 10, signal, elapsedSeconds: () => count * options.secondsEach },
        decided: () => count >= options.decidedAfter,
      },
    );
    return count;
  };
  const CASES = [
    { is: 'once where it is clear', decidedAfter: 1, secondsEach: 1, expected: 1 },
    { is: 'after rounds that double', decidedAfter: 3, secondsEach: 0.1, expected: 4 },
    { is: 'no longer than the seconds allow', decidedAfter: 99, secondsEach: 3, expected: 3 },
    { is: 'no more than the most', decidedAfter: 99, secondsEach: 0.1, expected: 16 },
  ];
  for (const { is, expected, ...options } of CASES) {
    test(is, async () => assert.equal(await rounds(options), expected));
  }
});
