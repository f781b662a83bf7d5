import type { Range } from './parameters.js';

export type CalibrationMethod = 'mean_minmax' | 'minmax';

/**
 * Collects one range per value from the extremes of each sample, in constant memory.
 * minmax: the extremes of all samples. mean_minmax: the mean of the samples' minima and the mean of their maxima, so that one
 * outlier does not stretch the range for all (the default of NNCF, MEAN_MINMAX).
 */
export class RangeCollector {
  readonly #ranges = new Map<string, { min: number; max: number; samples: number }>();

  constructor(readonly method: CalibrationMethod) {}

  add(value: string, { min, max }: Range): void {
    const known = this.#ranges.get(value);
    if (!known) {
      this.#ranges.set(value, { min, max, samples: 1 });
      return;
    }
    known.samples++;
    if (this.method === 'minmax') {
      known.min = Math.min(known.min, min);
      known.max = Math.max(known.max, max);
    } else {
      // Running means: no sum that grows with the number of samples.
      known.min += (min - known.min) / known.samples;
      known.max += (max - known.max) / known.samples;
    }
  }

  ranges(): Map<string, Range> {
    return new Map([...this.#ranges].map(([value, { min, max }]) => [value, { min, max }]));
  }
}
