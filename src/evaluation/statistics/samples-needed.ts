import type { Interval } from './confidence.js';

/** Nobody evaluates more; above it the answer is that the difference is too small to ever show. */
const MAX_SAMPLES = 100_000_000;

/**
 * About how many samples would decide: the fewest, above `from`, at which the interval is decided when what was seen so far goes on in
 * the same proportions. Undefined when even a hundred million would not.
 * @param intervalAt the interval that `n` such samples would give; it narrows as n grows.
 */
export function samplesNeeded(
  from: number,
  intervalAt: (n: number) => Interval,
  decided: (interval: Interval) => boolean,
): number | undefined {
  let low = from;
  let high = from;
  do {
    low = high;
    high *= 2;
    if (high > MAX_SAMPLES) return undefined;
  } while (!decided(intervalAt(high)));
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (decided(intervalAt(middle))) high = middle;
    else low = middle;
  }
  return high;
}
