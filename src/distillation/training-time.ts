/** What a run of training takes, judged by its own steps; in seconds. */
export interface RunTime {
  readonly whole: number;
  readonly left: number;
}

/** Steps that are timed before anything is said. */
const TIMED_STEPS = 5;

/**
 * Judges how long a run takes by its steps, held-out scoring between them included. The first one only starts the clock: memory is laid out in it.
 * @param now a monotonic clock in milliseconds
 * @returns to be called after each step with the fraction of the run that is done; null as long as too few were timed
 */
export function runTimer(now: () => number): (fraction: number) => RunTime | null {
  let first: { readonly at: number; readonly fraction: number } | null = null;
  let steps = 0;
  return (fraction) => {
    const at = now();
    first ??= { at, fraction };
    if (steps++ < TIMED_STEPS || fraction <= first.fraction) return null;
    const whole = (at - first.at) / (fraction - first.fraction) / 1000;
    return { whole, left: whole * (1 - fraction) };
  };
}

/** Whether a training fits into the time that is there for it, judged once by its first steps; in seconds. */
export interface Fit {
  readonly needed: number;
  readonly there: number;
}

export const fits = ({ needed, there }: Fit): boolean => needed <= there;
