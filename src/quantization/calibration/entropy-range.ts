import { quantizationParameters, type Range, UINT8 } from '../parameters.js';
import { roundAndClip } from '../rounding.js';
import { BINS, type Histogram } from './histogram.js';

/** Thresholds tried, evenly over the larger side of the range; the smallest leaves about one bin to each level of 8 bits. */
const CANDIDATES = 256;
const SMALLEST_SHARE = 1 / 8;
/** What an empty bin counts instead of 0, so that the divergence is finite; the same as in MXNet's and ONNX Runtime's tools. */
const EMPTY = 1e-4;

/** Empty bins get a little, and the others give it. In place. */
function smooth(counts: Float64Array): void {
  let filled = 0;
  for (let i = 0; i < counts.length; i++) if ((counts[i] as number) > 0) filled++;
  const given = (EMPTY * (counts.length - filled)) / Math.max(1, filled);
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] as number;
    counts[i] = count > 0 ? count - given : EMPTY;
  }
}

function sum(counts: Float64Array): number {
  let total = 0;
  for (let i = 0; i < counts.length; i++) total += counts[i] as number;
  return total;
}

/** Far more than the rounding of a sum, far less than any difference that matters. */
const ROUNDING = 1e-9;

/**
 * Kullback-Leibler divergence Σ p·ln(p/q) of two histograms, each divided by its sum; infinity when it is certain to be above `bound`. By the
 * log sum inequality the inner bins add at least P·ln(P/Q), P and Q being what they hold together; so clipped ends that are too bad by
 * themselves, as those of most thresholds are, spare the logarithms of all the others.
 */
function divergence(p: Float64Array, q: Float64Array, bound: number): number {
  const [sumP, sumQ] = [sum(p), sum(q)];
  const last = p.length - 1;
  const term = (inP: number, inQ: number) => (inP / sumP) * Math.log(((inP / sumP) * sumQ) / inQ);
  const [firstP, lastP, firstQ, lastQ] = [p[0], p[last], q[0], q[last]] as [number, number, number, number];
  const inner = last > 1 ? term(sumP - firstP - lastP, sumQ - firstQ - lastQ) : 0;
  if (term(firstP, firstQ) + inner + term(lastP, lastQ) > bound + ROUNDING) return Number.POSITIVE_INFINITY;
  let result = 0;
  for (let i = 0; i < p.length; i++) {
    const share = (p[i] as number) / sumP;
    result += share * Math.log((share * sumQ) / (q[i] as number));
  }
  return result;
}

/** Adds the counts of the bins that each level stands for, and spreads them over those that are not empty. @param levels of each bin */
function spread(inside: Float64Array, levels: Uint8Array, q: Float64Array): void {
  const [mass, filled] = [new Float64Array(UINT8.max + 1), new Float64Array(UINT8.max + 1)];
  for (let bin = 0; bin < inside.length; bin++) {
    const [count, level] = [inside[bin] as number, levels[bin] as number];
    if (count === 0) continue;
    (mass[level] as number) += count;
    (filled[level] as number)++;
  }
  for (let bin = 0; bin < inside.length; bin++) {
    const level = levels[bin] as number;
    q[bin] = inside[bin] === 0 ? 0 : (mass[level] as number) / (filled[level] as number);
  }
}

/**
 * What is lost when the bins [from, to) are stored in the levels of `range` and everything outside is clipped to its ends. Plain loops over
 * arrays that are kept: this is done for each threshold of each tensor, and callbacks took eight times as long.
 */
class Losses {
  readonly #p = new Float64Array(BINS);
  readonly #q = new Float64Array(BINS);
  readonly #levels = new Uint8Array(BINS);
  /** Of each bin. */
  readonly #middles: Float64Array;

  constructor(readonly histogram: Histogram) {
    this.#middles = Float64Array.from({ length: BINS }, (_, bin) => histogram.edge(bin + 0.5));
  }

  /** @param bound of what is of interest: above it, infinity will do */
  of(from: number, to: number, range: Range, bound: number): number {
    const { counts } = this.histogram;
    const middles = this.#middles;
    const inside = counts.subarray(from, to);
    const [p, q, levels] = [this.#p, this.#q, this.#levels].map((kept) => kept.subarray(0, to - from)) as [
      Float64Array,
      Float64Array,
      Uint8Array,
    ];
    p.set(inside);
    for (let bin = 0; bin < from; bin++) (p[0] as number) += counts[bin] as number;
    for (let bin = to; bin < BINS; bin++) (p[p.length - 1] as number) += counts[bin] as number;
    const { scale, zeroPoint } = quantizationParameters(range, UINT8, { symmetric: false });
    for (let bin = 0; bin < levels.length; bin++)
      levels[bin] = roundAndClip((middles[from + bin] as number) / scale + zeroPoint, UINT8.min, UINT8.max);
    spread(inside, levels, q);
    smooth(p);
    smooth(q);
    return divergence(p, q, bound);
  }
}

/**
 * The range of least information loss (Migacz, "8-bit inference with TensorRT", 2017): thresholds T clip the numbers to
 * [max(min, −T), min(max, T)]; P is the histogram with what is clipped added to its end bins; Q is what the levels of 8 bits can tell,
 * the count of each level spread over the bins that are not empty; the T of least divergence of P from Q wins, of equals the largest.
 */
export function entropyRange(histogram: Histogram): Range {
  const { range, width } = histogram;
  const largest = Math.max(Math.abs(range.min), Math.abs(range.max));
  if (width === 0 || largest === 0) return range;
  const losses = new Losses(histogram);
  let [best, bestLoss] = [range, Number.POSITIVE_INFINITY];
  for (let k = CANDIDATES; k >= CANDIDATES * SMALLEST_SHARE; k--) {
    const threshold = (largest * k) / CANDIDATES;
    const from = Math.max(0, Math.round((-threshold - range.min) / width));
    const to = Math.min(BINS, Math.round((threshold - range.min) / width));
    if (to - from < 2) continue;
    const clipped = { min: histogram.edge(from), max: histogram.edge(to) };
    const found = losses.of(from, to, clipped, bestLoss);
    if (found < bestLoss) [best, bestLoss] = [clipped, found];
  }
  return best;
}
