import { listed } from '../listed-names.js';
import type { Extremes } from './extremes.js';

/** With fewer samples than this, what the next one exceeds is not known but guessed. */
const FEW_SAMPLES = 8;

/** What looks wrong about the samples that ranges were measured on. */
export function calibrationNotes(measured: ReadonlyMap<string, Extremes>, samples: number): string[] {
  if (measured.size === 0) return [];
  const notes: string[] = [];
  if (samples < FEW_SAMPLES) {
    const only = samples === 1 ? 'one sample' : `${samples} samples`;
    notes.push(
      `Calibrated on ${only} only: numbers beyond the ranges seen there are clipped. ${FEW_SAMPLES} or more are better.`,
    );
  }
  const constant = [...measured].filter(([, { all }]) => all.min === all.max).map(([value]) => value);
  if (constant.length > 0) {
    notes.push(
      `Constant on all calibration samples, so that their ranges say nothing of others: ${listed(constant)}. Check the dataset and its preprocessing.`,
    );
  }
  return notes;
}
