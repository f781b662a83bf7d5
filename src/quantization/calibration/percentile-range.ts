import type { Range } from '../parameters.js';
import { BINS, type Histogram } from './histogram.js';

/** The number below which this share of all numbers lies; inside a bin, numbers count as evenly spread. */
function quantile(histogram: Histogram, share: number): number {
  const wanted = share * histogram.counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (let bin = 0; bin < BINS; bin++) {
    const count = histogram.counts[bin] as number;
    if (count > 0 && below + count >= wanted) return histogram.edge(bin + (wanted - below) / count);
    below += count;
  }
  return histogram.range.max;
}

/** The range that keeps `percentile` percent of the numbers and cuts the same share off at each end. */
export function percentileRange(histogram: Histogram, percentile: number): Range {
  const cut = (100 - percentile) / 200;
  return { min: quantile(histogram, cut), max: quantile(histogram, 1 - cut) };
}
