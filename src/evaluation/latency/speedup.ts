import type { Latency } from '../../contracts/report.js';
import type { Estimate } from '../statistics/confidence.js';
import type { BlockTimes } from './block-times.js';
import { bootstrapBlocks } from './bootstrap-blocks.js';

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

/** Percentiles of all timed runs, in milliseconds. */
export const latencyOf = (times: BlockTimes): Latency => ({
  p20: times.percentile(0.2),
  p50: times.percentile(0.5),
  p90: times.percentile(0.9),
  p99: times.percentile(0.99),
});
