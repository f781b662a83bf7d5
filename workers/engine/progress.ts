import type { Progress } from '../../src/contracts/job.js';

/** At most four messages a second: the supervisor relays two. A new phase is told at once. */
const MIN_INTERVAL_MS = 250;
/** Before this fraction an estimate of the rest says nothing. */
const FIRST_ESTIMATE = 0.05;

/** A reporter of one step's progress: keeps the fraction from going back, estimates the rest, and speaks seldom. */
export function progressReporter(send: (progress: Progress) => void, now: () => number) {
  const started = now();
  let furthest = 0;
  let phaseNow = 'starting';
  let lastSent = Number.NEGATIVE_INFINITY;
  return {
    /** The phase that runs now. */
    get phase(): string {
      return phaseNow;
    },
    /** @param left seconds to come, where the step knows them; else they are told by the fraction */
    report(phase: string, fraction: number, metrics: Readonly<Record<string, number>> = {}, left?: number): void {
      furthest = Math.max(furthest, Math.min(1, Number.isFinite(fraction) ? fraction : 0));
      const elapsed = now() - started;
      if (phase === phaseNow && now() - lastSent < MIN_INTERVAL_MS) return;
      phaseNow = phase;
      lastSent = now();
      const byFraction = furthest < FIRST_ESTIMATE ? null : (elapsed * (1 - furthest)) / furthest / 1000;
      const rest = left ?? byFraction;
      send({ phase, fraction: furthest, eta_seconds: rest && Math.round(rest), metrics: { ...metrics } });
    },
  };
}
