import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { overRounds } from '../../src/evaluation/latency/combine.js';
import { speedup } from '../../src/evaluation/latency/speedup.js';
import { timeModels } from '../../src/evaluation/latency/time-models.js';
import type { Estimate } from '../../src/evaluation/statistics/confidence.js';
import { confirmChoice } from '../../src/search/confirm-choice.js';
import { Search } from '../../src/search/search.js';
import type { Workshop } from '../../src/search/workshop.js';
import { NoisyMachine } from '../evaluation/noisy-machine.js';
import { madeModel, measurements, NO_MEMORY, plain, recipe } from './fixtures.js';

/** What a candidate truly is. */
interface Truth {
  readonly bytes: number;
  readonly speed: number;
  readonly noise?: number;
}

const ORIGINAL_MS = 0.7;
const { signal } = new AbortController();

/** A workshop on a shared machine: drift, neighbours, and sessions that are lucky or not. */
function workshop(truths: Readonly<Record<string, Truth>>, machine: NoisyMachine, seed: number): Workshop {
  const truth = (name: string): Truth => truths[name] ?? { bytes: 0, speed: 1 };
  return {
    make: async ({ variant }) => {
      machine.pass(500);
      return madeModel(variant, truth(variant).bytes);
    },
    score: async ({ sha256 }) => measurements(1, 0, { noise: truth(sha256).noise ?? 0.001 }),
    timing: (models) => {
      const speeds = { original: 1, ...Object.fromEntries(models.map(({ made }, i) => [i, truth(made.sha256).speed])) };
      const found = models.map((): Estimate[] => []);
      return {
        round: async () => {
          const sessions = Object.entries(speeds).map(([name, speed]) => [name, machine.open(ORIGINAL_MS / speed)]);
          const task = { models: Object.fromEntries(sessions), runs: 100, blocks: 20, now: machine.now, signal };
          const { times } = await timeModels<string>({ ...task, progress: () => {} });
          return models.map(({ quality }, i) => {
            const [baseline, own] = [times.original, times[i]];
            assert.ok(baseline && own);
            found[i]?.push(speedup(baseline, own, seed));
            return { ...quality, speedup: overRounds(found[i] ?? []), requirements: [] };
          });
        },
      };
    },
    discard: async () => {},
    elapsedSeconds: () => machine.now() / 1000,
  };
}

async function chosenAmong(truths: Readonly<Record<string, Truth>>, seed: number): Promise<string | null> {
  const shop = workshop(truths, new NoisyMachine({ seed, drift: 0.2, delay: 1, luck: 0.004 }), seed);
  const rungs = Object.keys(truths).map((name) => plain(recipe(name)));
  const search = new Search({
    ...{ rungs, workshop: shop, memory: NO_MEMORY, require: undefined, budgetSeconds: 60, original: 'original' },
    ...{ signal, progress: () => {} },
  });
  const options = { objective: 'latency', require: undefined, workshop: shop, signal } as const;
  const found = await search.run();
  const { choice } = await confirmChoice(found, { ...options, secondsLeft: () => search.secondsLeft() });
  return choice.chosen?.recipe.variant ?? null;
}

const SEEDS = Array.from({ length: 8 }, (_, seed) => seed);

/** What is chosen on one machine after the other. */
async function chosenOnEach(truths: Readonly<Record<string, Truth>>): Promise<readonly (string | null)[]> {
  const all: (string | null)[] = [];
  for (const seed of SEEDS) all.push(await chosenAmong(truths, seed));
  return all;
}

describe('a search on a noisy machine', () => {
  const equal = { speed: 1 };
  const slower = { speed: 0.99 };
  const optimized = { ...equal, bytes: 1000, noise: 0 };

  test('of those that are truly as fast, none is taken for its speed: the smallest is', async () => {
    const found = await chosenOnEach({
      optimized,
      half: { ...equal, bytes: 538, noise: 1e-6 },
      int8: { ...equal, bytes: 329 },
      'int8, once more': { ...equal, bytes: 335, noise: 2e-3 },
    });
    assert.ok(found.filter((name) => name === 'int8').length >= SEEDS.length - 1, found.join());
  });

  test('what is truly a percent slower is not taken, though it is smaller', async () => {
    const found = await chosenOnEach({
      optimized,
      slow: { ...slower, bytes: 250 },
      int8: { ...equal, bytes: 329 },
      'slow as well': { ...slower, bytes: 300 },
    });
    assert.ok(!found.some((name) => name?.startsWith('slow')), found.join());
    assert.ok(found.filter((name) => name === 'int8').length >= SEEDS.length - 1, found.join());
  });

  test('where all are slower, it is the original', async () => {
    const found = await chosenOnEach({ a: { ...slower, bytes: 300 }, b: { ...slower, bytes: 400, noise: 1e-4 } });
    assert.deepEqual(new Set(found), new Set([null]));
  });

  test('what is truly faster is found', async () => {
    const found = await chosenOnEach({
      optimized,
      int8: { ...equal, bytes: 300 },
      fast: { speed: 1.3, bytes: 400 },
      slow: { ...slower, bytes: 250 },
    });
    assert.deepEqual(new Set(found), new Set(['fast']));
  });
});
