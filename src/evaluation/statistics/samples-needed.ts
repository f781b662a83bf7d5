import type { Interval } from './confidence.js';

/** No job evaluates more samples (see evaluate.samples); above it the value lies so near the bound that no number of them helps. */
const MAX_SAMPLES = 1_000_000;

/**
 * About how many samples would decide: the fewest, above `from`, at which the interval is decided when what was seen so far goes on in
 * the same proportions. Undefined when even MAX_SAMPLES would not.
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
    if (low >= MAX_SAMPLES) return undefined;
    high = Math.min(high * 2, MAX_SAMPLES);
  } while (!decided(intervalAt(high)));
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (decided(intervalAt(middle))) high = middle;
    else low = middle;
  }
  return high;
}
