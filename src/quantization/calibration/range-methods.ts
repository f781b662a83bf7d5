import type { Calibration } from '../../contracts/quantize-step.js';
import { type ActivationFormat, type Range, U8 } from '../parameters.js';
import { entropyRange } from './entropy-range.js';
import type { Extremes } from './extremes.js';
import type { Histogram } from './histogram.js';
import { mseRange } from './mse-range.js';
import { percentileRange } from './percentile-range.js';
import { quantizationError } from './quantization-error.js';

/** Ranges that follow from the extremes of each sample alone. */
const FROM_EXTREMES = {
  mean_minmax: (extremes: Extremes) => extremes.mean,
  minmax: (extremes: Extremes) => extremes.all,
} as const satisfies Record<string, (extremes: Extremes) => Range>;

type FromHistogram = (extremes: Extremes, histogram: Histogram, format?: ActivationFormat) => Range;
const percentile =
  (percent: number): FromHistogram =>
  (_, histogram) =>
    percentileRange(histogram, percent);

/** What `auto` chooses from for each tensor; of equal errors the first. */
const CANDIDATES: readonly FromHistogram[] = [
  FROM_EXTREMES.minmax,
  FROM_EXTREMES.mean_minmax,
  percentile(99.999),
  percentile(99.99),
  percentile(99.9),
  (_, histogram, format) => mseRange(histogram, format),
];

/** The candidate that makes the least histogram-weighted squared error. */
export function leastErrorRange(extremes: Extremes, histogram: Histogram, format: ActivationFormat = U8): Range {
  const error = quantizationError(histogram, format);
  const tried = CANDIDATES.map((candidate) => candidate(extremes, histogram, format)).map((range) => ({
    range,
    error: error(range),
  }));
  return tried.reduce((best, next) => (next.error < best.error ? next : best)).range;
}

/** One way to give every tensor of a model its range. */
export type Preset =
  | { readonly name: string; readonly from: 'extremes'; readonly range: (extremes: Extremes) => Range }
  | { readonly name: string; readonly from: 'histogram'; readonly range: FromHistogram };

const fromExtremes = (name: keyof typeof FROM_EXTREMES): Preset => ({
  name,
  from: 'extremes',
  range: FROM_EXTREMES[name],
});
const fromHistogram = (name: string, range: FromHistogram): Preset => ({ name, from: 'histogram', range });

/**
 * The presets that a request asks for: one, or those whose whole models `auto` compares (the error per tensor only weakly predicts the
 * model's); of equals the first is kept.
 */
export function presetsOf(calibration: Calibration): readonly [Preset, ...Preset[]] {
  switch (calibration.method) {
    case 'mean_minmax':
    case 'minmax':
      return [fromExtremes(calibration.method)];
    case 'percentile': {
      if (calibration.percentile === undefined) throw new Error('the contract fills the percentile in');
      return [fromHistogram('percentile', percentile(calibration.percentile))];
    }
    case 'entropy':
      return [fromHistogram('entropy', (_, histogram) => entropyRange(histogram))];
    case 'mse':
      return [fromHistogram('mse', (_, histogram, format) => mseRange(histogram, format))];
    case 'auto':
      return [
        fromExtremes('mean_minmax'),
        fromHistogram('least_error', leastErrorRange),
        fromHistogram('percentile_99.99', percentile(99.99)),
        fromExtremes('minmax'),
      ];
    default:
      return calibration.method satisfies never;
  }
}
