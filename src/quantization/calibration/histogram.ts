import type { Range } from '../parameters.js';

/** Eight times the levels of 8 bits: fine enough to see where a level should lie, 32 KiB for each tensor. */
export const BINS = 2048;

/** How often numbers fall into equal parts of a fixed range; numbers outside count at its ends. Constant memory. */
export class Histogram {
  readonly counts: Float64Array = new Float64Array(BINS);
  /** The sum of the numbers of each bin: its mean stands for it, so that the zeros of a Relu stay exactly zero. */
  readonly sums: Float64Array = new Float64Array(BINS);

  /** @throws RangeError when the range is not finite or is upside down */
  constructor(readonly range: Range) {
    if (!Number.isFinite(range.max - range.min) || range.min > range.max)
      throw new RangeError(`[${range.min}, ${range.max}] is not a finite range`);
  }

  /** One that was begun elsewhere, with the numbers that were counted until then. */
  static restore(range: Range, counts: Float64Array, sums: Float64Array): Histogram {
    const histogram = new Histogram(range);
    histogram.counts.set(counts);
    histogram.sums.set(sums);
    return histogram;
  }

  /** Width of a bin; 0 when all numbers are equal. */
  get width(): number {
    return (this.range.max - this.range.min) / BINS;
  }

  add(values: Float32Array): void {
    const { counts, sums } = this;
    const { min, max } = this.range;
    const perUnit = max > min ? BINS / (max - min) : 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      const bin = Math.min(BINS - 1, Math.max(0, (value - min) * perUnit)) | 0;
      (counts[bin] as number)++;
      (sums[bin] as number) += value;
    }
  }

  /** Lower edge of a bin, `BINS` giving the upper end of the range. */
  edge(bin: number): number {
    return this.range.min + bin * this.width;
  }

  /** Bins that hold anything, as the mean of their numbers and how many there are. */
  occupied(): { readonly bins: number[]; readonly means: Float64Array; readonly counts: Float64Array } {
    const bins = [...this.counts.keys()].filter((bin) => this.counts[bin] !== 0);
    const counts = Float64Array.from(bins, (bin) => this.counts[bin] as number);
    const means = Float64Array.from(bins, (bin) => (this.sums[bin] as number) / (this.counts[bin] as number));
    return { bins, means, counts };
  }
}
