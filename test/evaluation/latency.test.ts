import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BlockTimes } from '../../src/evaluation/latency/block-times.js';
import { overRounds, speedupOver } from '../../src/evaluation/latency/combine.js';
import { latencyOf, medianLatency, speedup } from '../../src/evaluation/latency/speedup.js';
import { MIN_BLOCKS, timeModels } from '../../src/evaluation/latency/time-models.js';
import type { Estimate } from '../../src/evaluation/statistics/confidence.js';
import { seededRandom } from '../../src/platform/random.js';
import { type Noise, NoisyMachine } from './noisy-machine.js';

/** Models on one machine, and the order in which they ran. */
function machine<Name extends string>(milliseconds: Readonly<Record<Name, number>>, noise?: Noise) {
  const one = new NoisyMachine(noise);
  const log: Name[] = [];
  const entries = (Object.keys(milliseconds) as Name[]).map((name) => {
    const run = one.open(milliseconds[name]);
    const logged = () => {
      log.push(name);
      return run();
    };
    return [name, logged] as const;
  });
  return { models: Object.fromEntries(entries) as Record<Name, () => Promise<void>>, now: one.now, log };
}
const width = ({ ci95: [low, high] }: Estimate): number => high - low;
const QUIET = { signal: new AbortController().signal, progress: () => {} };

describe('timeModels', () => {
  it('alternates the models in blocks and rotates who begins', async () => {
    const { models, now, log } = machine({ a: 1, b: 2, c: 3 });
    const { times, runs } = await timeModels({ models, now, runs: 200, ...QUIET });
    assert.equal(runs, 200);
    assert.equal(times.a.blockCount, MIN_BLOCKS);
    const WARM_UP = 15;
    // One untimed and five timed runs of each model, three models a block.
    const blocks = Array.from({ length: MIN_BLOCKS }, (_, i) => log.slice(WARM_UP + i * 18, WARM_UP + (i + 1) * 18));
    for (const [i, block] of blocks.entries()) {
      const order = [block[0], block[6], block[12]].join('');
      assert.equal(order, ['abc', 'bca', 'cab'][i % 3]);
      assert.ok(block.every((name, at) => name === block[Math.floor(at / 6) * 6]));
    }
  });

  it('measures what the clock says', async () => {
    const { models, now } = machine({ a: 1.5, b: 6 });
    const { times } = await timeModels({ models, now, runs: 40, ...QUIET });
    for (const [name, time] of [
      ['a', 1.5],
      ['b', 6],
    ] as const) {
      for (const value of Object.values(latencyOf([times], name))) assert.ok(Math.abs(value - time) < 1e-9);
    }
  });

  it('gives slow models fewer runs but not fewer blocks', async () => {
    const { models, now } = machine({ a: 600, b: 600 });
    const { times, runs } = await timeModels({ models, now, runs: 400, ...QUIET });
    assert.equal(runs, times.a.blockCount);
    assert.ok(times.a.blockCount >= MIN_BLOCKS);
  });

  it('ends a round at its budget, but not before a few blocks', async () => {
    const { models, now } = machine({ a: 100, b: 300 });
    const round = { models, runs: 100, blocks: 20, fewestBlocks: 8, budgetMs: 5_000, now, ...QUIET };
    assert.equal((await timeModels(round)).times.a.blockCount, 13);
    assert.equal((await timeModels({ ...round, budgetMs: 100 })).times.a.blockCount, 8);
    assert.equal(
      (await timeModels({ models, runs: 100, budgetMs: 100, now, ...QUIET })).times.a.blockCount,
      MIN_BLOCKS,
    );
  });

  it('reports progress and stops when told', async () => {
    const { models, now, log } = machine({ a: 1 });
    const stop = new AbortController();
    const seen: number[] = [];
    const progress = (fraction: number) => {
      seen.push(fraction);
      if (seen.length === 3) stop.abort();
    };
    await assert.rejects(timeModels({ models, now, runs: 200, signal: stop.signal, progress }), { name: 'AbortError' });
    assert.deepEqual(seen, [1 / MIN_BLOCKS, 2 / MIN_BLOCKS, 3 / MIN_BLOCKS]);
    assert.equal(log.length, 5 + 3 * 6);
  });
});

describe('BlockTimes', () => {
  it('gives nearest-rank percentiles of any resample of blocks', () => {
    const random = seededRandom(3);
    const blocks = Array.from({ length: 7 }, () => Array.from({ length: 3 }, () => random()));
    const weights = Int32Array.from([0, 2, 1, 0, 3, 1, 0]);
    const sorted = blocks
      .flatMap((block, i) =>
        Array<number[]>(weights[i] as number)
          .fill(block)
          .flat(),
      )
      .sort();
    for (const q of [0.05, 0.2, 0.5, 0.9, 0.99, 1]) {
      const expected = sorted[Math.ceil(q * sorted.length) - 1];
      assert.equal(new BlockTimes(blocks).percentile(q, weights), expected);
    }
  });
});

describe('speedup', () => {
  it('is found under drift and neighbours, and its interval covers it', async () => {
    const REPETITIONS = 60;
    let covered = 0;
    for (let seed = 0; seed < REPETITIONS; seed++) {
      const { models, now } = machine({ original: 3, result: 2 }, { seed, drift: 0.1, delay: 5 });
      const { times } = await timeModels({ models, now, runs: 200, ...QUIET });
      const { value, ci95 } = speedup(times.original, times.result, seed);
      assert.ok(Math.abs(value - 1.5) < 0.1, `${value}`);
      assert.ok(ci95[1] - ci95[0] < 0.2, `${ci95}`);
      if (ci95[0] <= 1.5 && 1.5 <= ci95[1]) covered++;
    }
    assert.ok(covered / REPETITIONS >= 0.9, `covers in ${covered} of ${REPETITIONS}`);
  });

  it('gives equal numbers for an equal seed', async () => {
    const { models, now } = machine({ original: 3, result: 2 }, { seed: 1, drift: 0.3, delay: 2 });
    const { times } = await timeModels({ models, now, runs: 80, ...QUIET });
    assert.deepEqual(speedup(times.original, times.result, 5), speedup(times.original, times.result, 5));
    const median = medianLatency(times.result, 5);
    assert.equal(median.value, latencyOf([times], 'result').p50);
    assert.ok(median.ci95[0] <= median.value && median.value <= median.ci95[1]);
  });
});

describe('speedupOver', () => {
  it('compares two programs that were timed apart, and its interval covers their ratio', async () => {
    const REPETITIONS = 60;
    let covered = 0;
    for (let seed = 0; seed < REPETITIONS; seed++) {
      const gain = async (milliseconds: number, seed: number) => {
        const { models, now } = machine({ original: 3, result: milliseconds }, { seed, drift: 0.1, delay: 5 });
        const { times } = await timeModels({ models, now, runs: 200, ...QUIET });
        return speedup(times.original, times.result, seed);
      };
      const { value, ci95 } = speedupOver(await gain(2, seed), await gain(2.5, seed + REPETITIONS));
      assert.ok(Math.abs(value - 1.25) < 0.1, `${value}`);
      if (ci95[0] <= 1.25 && 1.25 <= ci95[1]) covered++;
    }
    assert.ok(covered / REPETITIONS >= 0.9, `covers in ${covered} of ${REPETITIONS}`);
  });

  it('is the ratio, and the other way round its inverse', () => {
    const [a, b] = [
      { value: 2, ci95: [1.8, 2.1] as [number, number] },
      { value: 1.5, ci95: [1.5, 1.5] as [number, number] },
    ];
    const there = speedupOver(a, b);
    const back = speedupOver(b, a);
    assert.ok(Math.abs(there.value - 4 / 3) < 1e-12);
    assert.ok(Math.abs(there.ci95[0] - 1.8 / 1.5) < 1e-12, 'what has no width adds none');
    assert.ok(Math.abs(there.ci95[1] * back.ci95[0] - 1) < 1e-12);
  });
});

describe('overRounds', () => {
  it('covers the ratio, in an interval that rounds make narrower, also where the machine changes its speed', async () => {
    const REPETITIONS = 40;
    let covered = 0;
    let [first, all] = [0, 0];
    for (let seed = 0; seed < REPETITIONS; seed++) {
      const rounds: Estimate[] = [];
      for (const speed of [1, 3, 0.7, 1.4]) {
        const noise = { seed: seed + speed, drift: 0.1, delay: 5 };
        const { models, now } = machine({ original: 3 / speed, result: 2 / speed }, noise);
        const { times } = await timeModels({ models, now, runs: 100, blocks: 20, ...QUIET });
        rounds.push(speedup(times.original, times.result, seed));
      }
      const { value, ci95 } = overRounds(rounds);
      assert.ok(Math.abs(value - 1.5) < 0.05, `${value}`);
      if (ci95[0] <= 1.5 && 1.5 <= ci95[1]) covered++;
      first += width(rounds[0] as Estimate) / REPETITIONS;
      all += width({ value, ci95 }) / REPETITIONS;
    }
    assert.ok(covered / REPETITIONS >= 0.9, `covers in ${covered} of ${REPETITIONS}`);
    assert.ok(all < 0.7 * first, `${all} of ${first}`);
  });

  it('leaves one round as it is', () => {
    const [{ value, ci95 }, one] = [overRounds([{ value: 2, ci95: [1.5, 3] }]), [2, 1.5, 3]];
    for (const [i, found] of [value, ...ci95].entries()) assert.ok(Math.abs(found - (one[i] as number)) < 1e-12);
  });
});
