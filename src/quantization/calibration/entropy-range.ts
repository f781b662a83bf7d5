import { quantizationParameters, type Range, UINT8 } from '../parameters.js';
import { roundAndClip } from '../rounding.js';
import { BINS, type Histogram } from './histogram.js';

/** Thresholds tried, evenly over the larger side of the range; the smallest leaves about one bin to each level of 8 bits. */
const CANDIDATES = 256;
const SMALLEST_SHARE = 1 / 8;
/** What an empty bin counts instead of 0, so that the divergence is finite; the same as in MXNet's and ONNX Runtime's tools. */
const EMPTY = 1e-4;

/** Empty bins get a little, and the others give it. */
function smoothed(counts: Float64Array): Float64Array {
  const filled = counts.reduce((n, count) => n + (count > 0 ? 1 : 0), 0);
  const given = (EMPTY * (counts.length - filled)) / Math.max(1, filled);
  return counts.map((count) => (count > 0 ? count - given : EMPTY));
}

/** Kullback-Leibler divergence Σ p·ln(p/q) of two histograms, each divided by its sum. */
function divergence(p: Float64Array, q: Float64Array): number {
  const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
  const [sumP, sumQ] = [sum(p), sum(q)];
  let result = 0;
  for (let i = 0; i < p.length; i++) {
    const share = (p[i] as number) / sumP;
    result += share * Math.log((share * sumQ) / (q[i] as number));
  }
  return result;
}

/** What is lost when the bins [from, to) are stored in the levels of `range` and everything outside is clipped to its ends. */
function loss(counts: Float64Array, from: number, to: number, histogram: Histogram, range: Range): number {
  const inside = counts.subarray(from, to);
  const p = inside.slice();
  for (let bin = 0; bin < from; bin++) (p[0] as number) += counts[bin] as number;
  for (let bin = to; bin < BINS; bin++) (p[p.length - 1] as number) += counts[bin] as number;
  const { scale, zeroPoint } = quantizationParameters(range, UINT8, { symmetric: false });
  const level = (bin: number) =>
    roundAndClip(histogram.edge(from + bin + 0.5) / scale + zeroPoint, UINT8.min, UINT8.max);
  const [mass, filled] = [new Float64Array(UINT8.max + 1), new Float64Array(UINT8.max + 1)];
  const levels = Uint8Array.from(inside, (_, bin) => level(bin));
  inside.forEach((count, bin) => {
    if (count === 0) return;
    (mass[levels[bin] as number] as number) += count;
    (filled[levels[bin] as number] as number)++;
  });
  const q = inside.map((count, bin) =>
    count === 0 ? 0 : (mass[levels[bin] as number] as number) / (filled[levels[bin] as number] as number),
  );
  return divergence(smoothed(p), smoothed(q));
}

/**
 * The range of least information loss (Migacz, "8-bit inference with TensorRT", 2017): thresholds T clip the numbers to
 * [max(min, −T), min(max, T)]; P is the histogram with what is clipped added to its end bins; Q is what the levels of 8 bits can tell,
 * the count of each level spread over the bins that are not empty; the T of least divergence of P from Q wins, of equals the largest.
 */
export function entropyRange(histogram: Histogram): Range {
  const { range, counts, width } = histogram;
  const largest = Math.max(Math.abs(range.min), Math.abs(range.max));
  if (width === 0 || largest === 0) return range;
  let [best, bestLoss] = [range, Number.POSITIVE_INFINITY];
  for (let k = CANDIDATES; k >= CANDIDATES * SMALLEST_SHARE; k--) {
    const threshold = (largest * k) / CANDIDATES;
    const from = Math.max(0, Math.round((-threshold - range.min) / width));
    const to = Math.min(BINS, Math.round((threshold - range.min) / width));
    if (to - from < 2) continue;
    const clipped = { min: histogram.edge(from), max: histogram.edge(to) };
    const found = loss(counts, from, to, histogram, clipped);
    if (found < bestLoss) [best, bestLoss] = [clipped, found];
  }
  return best;
}
