/** Every interval of a report is two-sided at 95 %. */
export const CONFIDENCE = 0.95;
/** The standard normal's quantile at 1 - (1 - CONFIDENCE) / 2. */
export const Z = 1.959963984540054;

export type Interval = [low: number, high: number];

/** A value with its 95 % interval. */
export interface Estimate {
  value: number;
  ci95: Interval;
}
