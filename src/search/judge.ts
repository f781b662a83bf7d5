import type { Requirements } from '../contracts/job-spec.js';
import type { Report } from '../contracts/report.js';
import type { Estimate } from '../evaluation/statistics/confidence.js';
import type { Measurements } from './candidate.js';
import { AS_FAST, speedWords, standing } from './speed.js';

/** A drop of the metric that nobody allowed may not be significant beyond this. */
const USUAL_MAX_DROP = 0.01;

/** The drop that a search accepts: the one required, else the usual one, unless the metric itself is bounded. */
export function maxDrop(require: Requirements | undefined): number {
  return require?.max_metric_drop ?? (require?.min_metric === undefined ? USUAL_MAX_DROP : Number.POSITIVE_INFINITY);
}

/** Whether a job says itself how fast the result must be. */
export const boundsSpeed = (require: Requirements | undefined): boolean =>
  require?.min_speedup !== undefined || require?.max_latency_ms !== undefined;

/**
 * Whether a candidate loses more than is allowed: beyond the bound as measured, and certainly more than nothing. A drop that chance
 * explains is no reason, and one that is certainly beyond the bound always is.
 */
export function losesTooMuch({ drop }: Pick<Measurements, 'drop'>, require: Requirements | undefined): boolean {
  return drop.value > maxDrop(require) && drop.ci95[0] > 0;
}

/** Whether the original itself does all that a job requires: then nothing that a search refused need stand in for it. */
export function originalWouldDo(require: Requirements | undefined): boolean {
  if (require === undefined) return true;
  const { min_metric, min_speedup = 0, max_latency_ms, max_size_ratio = 1, max_bytes } = require;
  // What the original's own metric, latency and bytes are is not known here; who bounds them wants them changed.
  return min_speedup <= 1 && max_size_ratio >= 1 && (min_metric ?? max_latency_ms ?? max_bytes) === undefined;
}

export interface Judgement {
  readonly refused: string | null;
  readonly satisfiesRequirements: boolean;
}

/** Whether more timing might change what is thought of a candidate's speed. */
export const speedUndecided = (measured: Measurements, require: Requirements | undefined): boolean =>
  boundsSpeed(require)
    ? measured.requirements.some(({ reason }) => reason === 'timing_noise')
    : standing(measured.speedup) === 'undecided';

/**
 * Least speed-up of a candidate whose interval holds 1 and more than a percent below it. While searching that is noise, unless it looks slow;
 * when the choice is confirmed, the nearer of the two ends counts.
 */
const LEAST_UNDECIDED = { searching: 0.98, confirming: (1 + AS_FAST) / 2 } as const;
type Phase = keyof typeof LEAST_UNDECIDED;

/** Why a speed that nobody required is too low, in words. */
function tooSlow(speedup: Estimate, phase: Phase): string | null {
  const found = standing(speedup);
  if (found === 'slower') return `slower than the original: ${speedWords(speedup)}`;
  const looksSlow = found === 'undecided' && speedup.value < LEAST_UNDECIDED[phase];
  return looksSlow ? `not shown to be as fast as the original: ${speedWords(speedup)}` : null;
}

/** Why a candidate cannot be chosen, in words; null when it can. */
export function judge(
  measured: Measurements,
  require: Requirements | undefined,
  phase: Phase = 'searching',
): Judgement {
  const { drop, speedup, metricName } = measured;
  const missed = measured.requirements.filter(({ verdict }) => verdict === 'not_met');
  const reasons = missed.map(
    ({ name, bound, value }) => `misses ${name} ${bound}: ${value?.toPrecision(3) ?? 'unknown'}`,
  );
  const satisfiesRequirements = !originalWouldDo(require) && missed.length === 0;
  if (losesTooMuch(measured, require)) {
    const [low, high] = drop.ci95.map((bound) => bound.toPrecision(2));
    reasons.push(`loses ${drop.value.toPrecision(2)} of ${metricName} (95 % interval ${low} to ${high})`);
  }
  const slow = boundsSpeed(require) ? null : tooSlow(speedup, phase);
  if (slow !== null) reasons.push(slow);
  return { refused: reasons.length === 0 ? null : reasons.join('; '), satisfiesRequirements };
}

/** An interval of a speed-up that is wider says little, even where it does not hold 1: few blocks, on a busy machine. */
const WIDE = 0.1;

/** Whether only its speed refuses a candidate, by a wide interval that would hold 1 were it twice as wide. */
export function deservesAnotherHearing(measured: Measurements, require: Requirements | undefined): boolean {
  const { value, ci95 } = measured.speedup;
  const asFast: Estimate = { value: 1, ci95: [1, 1] };
  if (judge(measured, require).refused === null || judge({ ...measured, speedup: asFast }, require).refused !== null) {
    return false;
  }
  return ci95[1] - ci95[0] > WIDE && value + 2 * (ci95[1] - value) >= 1;
}

/**
 * Why an evaluation speaks against what a search chose on other samples: it is certainly slower, by more than sessions of one file differ,
 * or loses too much. Null when it does not, and when requirements that the original misses are there to decide.
 */
export function disproof(
  { speedup, metric_drop, original }: Pick<Report, 'speedup' | 'metric_drop' | 'original'>,
  require: Requirements | undefined,
): string | null {
  if (!originalWouldDo(require)) return null;
  if (losesTooMuch({ drop: metric_drop }, require)) {
    return `loses ${metric_drop.value.toPrecision(2)} of ${original.metric.name} on the evaluation samples`;
  }
  return standing(speedup) === 'slower' && speedup.value < AS_FAST
    ? `is slower than the original: ${speedWords(speedup)}`
    : null;
}
