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

  /**
   * Four numbers at a time: their bins are known before the first of them is written to. Where a processor may not load before the
   * addresses of earlier stores are known (a mitigation that hosts of containers switch on), one at a time takes twice as long.
   */
  add(values: Float32Array): void {
    const { counts, sums } = this;
    const { min, max } = this.range;
    const perUnit = max > min ? BINS / (max - min) : 0;
    const last = BINS - 1;
    const whole = values.length - (values.length % 4);
    for (let i = 0; i < whole; i += 4) {
      const a = values[i] as number;
      const b = values[i + 1] as number;
      const c = values[i + 2] as number;
      const d = values[i + 3] as number;
      const binA = Math.min(last, Math.max(0, (a - min) * perUnit)) | 0;
      const binB = Math.min(last, Math.max(0, (b - min) * perUnit)) | 0;
      const binC = Math.min(last, Math.max(0, (c - min) * perUnit)) | 0;
      const binD = Math.min(last, Math.max(0, (d - min) * perUnit)) | 0;
      (counts[binA] as number)++;
      (sums[binA] as number) += a;
      (counts[binB] as number)++;
      (sums[binB] as number) += b;
      (counts[binC] as number)++;
      (sums[binC] as number) += c;
      (counts[binD] as number)++;
      (sums[binD] as number) += d;
    }
    for (let i = whole; i < values.length; i++) {
      const value = values[i] as number;
      const bin = Math.min(last, Math.max(0, (value - min) * perUnit)) | 0;
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
