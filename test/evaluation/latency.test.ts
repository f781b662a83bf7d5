import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BlockTimes } from '../../src/evaluation/latency/block-times.js';
import { latencyOf, medianLatency, speedup } from '../../src/evaluation/latency/speedup.js';
import { MIN_BLOCKS, timeModels } from '../../src/evaluation/latency/time-models.js';
import { seededRandom } from '../../src/platform/random.js';

/** A machine whose clock only models move: each run takes its model's time, times a drift that all share, plus a neighbour's delays. */
function machine<Name extends string>(
  milliseconds: Readonly<Record<Name, number>>,
  noise?: { seed: number; drift: number; delay: number },
) {
  let clock = 1000;
  let run = 0;
  const random = seededRandom(noise?.seed ?? 0);
  const log: Name[] = [];
  const entries = (Object.keys(milliseconds) as Name[]).map((name) => [
    name,
    async () => {
      log.push(name);
      run++;
      const drift = 1 + (noise?.drift ?? 0) * (1 + Math.sin(run / 97));
      const delay = noise && random() < 0.3 ? random() * noise.delay : 0;
      clock += milliseconds[name] * drift * (1 + 0.02 * random() * (noise ? 1 : 0)) + delay;
    },
  ]);
  return { models: Object.fromEntries(entries) as Record<Name, () => Promise<void>>, now: () => clock, log };
}
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
      for (const value of Object.values(latencyOf(times[name]))) assert.ok(Math.abs(value - time) < 1e-9);
    }
  });

  it('gives slow models fewer runs but not fewer blocks', async () => {
    const { models, now } = machine({ a: 600, b: 600 });
    const { times, runs } = await timeModels({ models, now, runs: 400, ...QUIET });
    assert.equal(runs, times.a.blockCount);
    assert.ok(times.a.blockCount >= MIN_BLOCKS);
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
    assert.equal(median.value, latencyOf(times.result).p50);
    assert.ok(median.ci95[0] <= median.value && median.value <= median.ci95[1]);
  });
});
