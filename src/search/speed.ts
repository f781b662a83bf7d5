import { speedupOver } from '../evaluation/latency/combine.js';
import type { Estimate } from '../evaluation/statistics/confidence.js';

/** What is certainly above this counts as as fast: sessions of one and the same file differ by as much, by where their memory lies. */
export const AS_FAST = 0.99;

/** How a model's speed stands to that of the original, as far as its interval tells. */
export type Standing = 'faster' | 'as_fast' | 'slower' | 'undecided';

export function standing({ ci95: [low, high] }: Estimate): Standing {
  if (low > 1) return 'faster';
  if (high < 1) return 'slower';
  return low >= AS_FAST ? 'as_fast' : 'undecided';
}

/** A speed-up in words. */
export const speedWords = ({ value, ci95: [low, high] }: Estimate): string =>
  `${value.toFixed(2)}x, 95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}`;

/** A model that was timed beside the original. */
export interface Timed {
  readonly measured: { readonly speedup: Estimate };
}

/** How many times faster `a` is than `b`. */
export const over = (a: Timed, b: Timed): Estimate => speedupOver(a.measured.speedup, b.measured.speedup);

/** Whether the interval says that `a` is faster than `b`: a larger value alone is noise. */
export const fasterThan = (a: Timed, b: Timed): boolean => over(a, b).ci95[0] > 1;
