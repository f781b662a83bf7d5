import type { Latency } from '../../contracts/report.js';
import type { Estimate } from '../statistics/confidence.js';
import { BlockTimes } from './block-times.js';
import { bootstrapBlocks } from './bootstrap-blocks.js';
import { overRounds } from './combine.js';

/** Programs are compared by this percentile: neighbours on the machine only ever add time, so the lower part is the program's own. */
const COMPARED = 0.2;

/** How many times faster `candidate` is than `baseline`: the ratio of their 20th percentiles, blocks paired. */
export const speedup = (baseline: BlockTimes, candidate: BlockTimes, seed: number): Estimate =>
  bootstrapBlocks(
    baseline.blockCount,
    (weights) => baseline.percentile(COMPARED, weights) / candidate.percentile(COMPARED, weights),
    seed,
  );

/** The median time in milliseconds with its interval. */
export const medianLatency = (times: BlockTimes, seed: number): Estimate =>
  bootstrapBlocks(times.blockCount, (weights) => times.percentile(0.5, weights), seed);

type Rounds<Name extends string> = readonly Readonly<Record<Name, BlockTimes>>[];

/** The speed-up over rounds that were timed one after the other. */
export const speedupOf = <Name extends string>(
  rounds: Rounds<Name>,
  baseline: Name,
  candidate: Name,
  seed: number,
): Estimate => overRounds(rounds.map((times, turn) => speedup(times[baseline], times[candidate], seed + turn)));

/** The median time over rounds. */
export const medianOf = <Name extends string>(rounds: Rounds<Name>, name: Name, seed: number): Estimate =>
  overRounds(rounds.map((times, turn) => medianLatency(times[name], seed + turn)));

/** Percentiles of all timed runs, in milliseconds. */
export function latencyOf<Name extends string>(rounds: Rounds<Name>, name: Name): Latency {
  const all = new BlockTimes(rounds.flatMap((times) => times[name].times));
  return { p20: all.percentile(0.2), p50: all.percentile(0.5), p90: all.percentile(0.9), p99: all.percentile(0.99) };
}
