import type { Requirements } from '../contracts/job-spec.js';
import type { Report } from '../contracts/report.js';
import type { Measurements } from './candidate.js';

/** A drop of the metric that nobody allowed may not be significant beyond this. */
const USUAL_MAX_DROP = 0.01;

/** The drop that a search accepts: the one required, else the usual one, unless the metric itself is bounded. */
export function maxDrop(require: Requirements | undefined): number {
  return require?.max_metric_drop ?? (require?.min_metric === undefined ? USUAL_MAX_DROP : Number.POSITIVE_INFINITY);
}

/** A candidate that is smaller and as fast as the original comes out slightly below it half of the time. */
const AS_FAST = 0.99;

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

export interface Judgement {
  readonly refused: string | null;
  readonly satisfiesRequirements: boolean;
}

/** Why a candidate cannot be chosen, in words; null when it can. */
export function judge(measured: Measurements, require: Requirements | undefined): Judgement {
  const { drop, speedup, metricName } = measured;
  const missed = measured.requirements.filter(({ verdict }) => verdict === 'not_met');
  const reasons = missed.map(
    ({ name, bound, value }) => `misses ${name} ${bound}: ${value?.toPrecision(3) ?? 'unknown'}`,
  );
  const satisfiesRequirements = require !== undefined && missed.length === 0;
  if (losesTooMuch(measured, require)) {
    const [low, high] = drop.ci95.map((bound) => bound.toPrecision(2));
    reasons.push(`loses ${drop.value.toPrecision(2)} of ${metricName} (95 % interval ${low} to ${high})`);
  }
  if (!boundsSpeed(require) && (speedup.ci95[1] < 1 || speedup.value < AS_FAST)) {
    reasons.push(`slower than the original: ${speedup.value.toFixed(2)}x`);
  }
  return { refused: reasons.length === 0 ? null : reasons.join('; '), satisfiesRequirements };
}

/**
 * Why an evaluation speaks against what a search chose on other samples: it is certainly slower, or loses too much. Null when it does not, and
 * when requirements are there to decide.
 */
export function disproof(
  { speedup, metric_drop, original }: Pick<Report, 'speedup' | 'metric_drop' | 'original'>,
  require: Requirements | undefined,
): string | null {
  if (require) return null;
  if (losesTooMuch({ drop: metric_drop }, require)) {
    return `loses ${metric_drop.value.toPrecision(2)} of ${original.metric.name} on the evaluation samples`;
  }
  return speedup.ci95[1] < AS_FAST ? `is slower than the original: ${speedup.value.toFixed(2)}x` : null;
}
