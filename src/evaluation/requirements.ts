import type { Requirements } from '../contracts/job-spec.js';
import type { RequirementVerdict, Verdict } from '../contracts/report.js';
import type { Estimate, Interval } from './statistics/confidence.js';
import { samplesNeeded } from './statistics/samples-needed.js';

/** A value measured on samples, and the interval that `n` samples would give if they went on like the ones seen. */
export interface SampledEstimate extends Estimate {
  readonly samples: number;
  intervalAt(n: number): Interval;
}

/** All that requirements are decided on. */
export interface Evidence {
  /** Null when there is no dataset: synthetic samples show agreement, never a metric. */
  readonly metricDrop: SampledEstimate | null;
  readonly metric: SampledEstimate | null;
  readonly higherIsBetter: boolean;
  readonly speedup: Estimate;
  /** Median latency of the result in milliseconds. */
  readonly latency: Estimate;
  readonly bytes: number;
  readonly sizeRatio: number;
}

type BoundName = Exclude<keyof Requirements, 'strict'>;
type Direction = 'at_most' | 'at_least';
interface Measurement {
  readonly direction: Direction;
  readonly estimate: Estimate | SampledEstimate | null;
}

const exact = (value: number): Estimate => ({ value, ci95: [value, value] });

/** What each requirement bounds, and from which side. */
const MEASURED: Readonly<Record<BoundName, (evidence: Evidence) => Measurement>> = {
  max_metric_drop: ({ metricDrop }) => ({ direction: 'at_most', estimate: metricDrop }),
  // "At least this good": an error, for which lower is better, must not exceed the bound.
  min_metric: ({ metric, higherIsBetter }) => ({
    direction: higherIsBetter ? 'at_least' : 'at_most',
    estimate: metric,
  }),
  min_speedup: ({ speedup }) => ({ direction: 'at_least', estimate: speedup }),
  max_latency_ms: ({ latency }) => ({ direction: 'at_most', estimate: latency }),
  max_size_ratio: ({ sizeRatio }) => ({ direction: 'at_most', estimate: exact(sizeRatio) }),
  max_bytes: ({ bytes }) => ({ direction: 'at_most', estimate: exact(bytes) }),
};
const EXACT: ReadonlySet<BoundName> = new Set(['max_size_ratio', 'max_bytes']);

/** met when the whole interval satisfies the bound, not_met when the whole interval violates it, else undecided. */
export function decide([low, high]: Interval, direction: Direction, bound: number): Verdict {
  if (direction === 'at_most') return high <= bound ? 'met' : low > bound ? 'not_met' : 'undecided';
  return low >= bound ? 'met' : high < bound ? 'not_met' : 'undecided';
}

function verdictOn(name: BoundName, bound: number, evidence: Evidence): RequirementVerdict {
  const { direction, estimate } = MEASURED[name](evidence);
  if (estimate === null) {
    return { name, bound, value: null, ci95: null, verdict: 'undecided', reason: 'no_dataset' };
  }
  const { value, ci95 } = estimate;
  const verdict = decide(ci95, direction, bound);
  const row = { name, bound, value, ci95: EXACT.has(name) ? null : ci95, verdict };
  if (verdict !== 'undecided') return row;
  if (!('intervalAt' in estimate)) return { ...row, reason: 'timing_noise' };
  const decided = (interval: Interval) => decide(interval, direction, bound) !== 'undecided';
  const needed = samplesNeeded(estimate.samples, (n) => estimate.intervalAt(n), decided);
  return needed === undefined
    ? { ...row, reason: 'on_the_bound' }
    : { ...row, reason: 'too_few_samples', samples_needed: needed };
}

/** Every bound that a job states, in the order of its schema, each with its evidence. */
export function decideRequirements(require: Requirements | undefined, evidence: Evidence): RequirementVerdict[] {
  return (Object.keys(MEASURED) as BoundName[]).flatMap((name) => {
    const bound = require?.[name];
    return bound === undefined ? [] : [verdictOn(name, bound, evidence)];
  });
}

/** One verdict for all: not_met when any is, else undecided when any is; strict counts undecided as not met. Null without bounds. */
export function overallVerdict(rows: readonly RequirementVerdict[], strict: boolean): Verdict | null {
  if (rows.length === 0) return null;
  if (rows.some(({ verdict }) => verdict === 'not_met')) return 'not_met';
  if (rows.every(({ verdict }) => verdict === 'met')) return 'met';
  return strict ? 'not_met' : 'undecided';
}
