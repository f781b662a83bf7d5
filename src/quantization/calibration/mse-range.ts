import { type ActivationFormat, type Range, U8 } from '../parameters.js';
import type { Histogram } from './histogram.js';
import { quantizationError } from './quantization-error.js';

/** Each end is tried at 2^(−k/8) of its extreme, down to 1/256: a level of 8 bits. */
const COARSE_STEPS = 64;
const STEPS_PER_OCTAVE = 8;
/** Then evenly between the neighbours of the best of these. */
const FINE_STEPS = 16;
/** How often each end is sought again after the other has moved; a third time changes nothing to speak of. */
const ROUNDS = 2;

const COARSE = Array.from({ length: COARSE_STEPS + 1 }, (_, k) => 2 ** (-k / STEPS_PER_OCTAVE));
const around = (ratio: number) =>
  Array.from({ length: FINE_STEPS + 1 }, (_, k) => {
    const [low, high] = [ratio * 2 ** (-1 / STEPS_PER_OCTAVE), Math.min(1, ratio * 2 ** (1 / STEPS_PER_OCTAVE))];
    return high - ((high - low) * k) / FINE_STEPS;
  });

/** The candidate of least error; of equals the first, which clips least. */
function least(candidates: readonly Range[], error: (range: Range) => number): Range {
  let [best, bestError] = [candidates[0] as Range, Number.POSITIVE_INFINITY];
  for (const candidate of candidates) {
    const found = error(candidate);
    if (found < bestError) [best, bestError] = [candidate, found];
  }
  return best;
}

/** The range of least squared error: each end in turn is clipped to the best of a geometric, then of an even grid. */
export function mseRange(histogram: Histogram, format: ActivationFormat = U8): Range {
  const error = quantizationError(histogram, format);
  const widest = { min: Math.min(0, histogram.range.min), max: Math.max(0, histogram.range.max) };
  let best: Range = widest;
  for (let round = 0; round < ROUNDS; round++) {
    for (const end of ['max', 'min'] as const) {
      if (widest[end] === 0) continue;
      const at = (ratio: number): Range => ({ ...best, [end]: widest[end] * ratio });
      const coarse = least([best, ...COARSE.map(at)], error);
      best = least([coarse, ...around(coarse[end] / widest[end]).map(at)], error);
    }
  }
  return best;
}
