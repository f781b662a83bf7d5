import type { MetricName } from '../../contracts/job-spec.js';

/** Numbers with the shape of one sample, the batch axis left out. */
export interface SampleValues {
  readonly dims: readonly number[];
  readonly values: ArrayLike<number>;
}

export interface MetricOptions {
  /** iou: a map counts as on above this value. */
  readonly threshold: number;
  /** ctc: the letters that occur in the labels; others are not compared. */
  readonly alphabet: ReadonlySet<number>;
}

interface MetricKind {
  readonly name: MetricName;
  /** What one sample's score means; 0 or 1 when `zeroOrOne`. */
  readonly meaning: string;
  /** Scores are 0 or 1, so intervals are those of proportions. */
  readonly zeroOrOne: boolean;
  readonly higherIsBetter: boolean;
}

/** A metric that compares an output with labels. */
export interface LabelMetric extends MetricKind {
  readonly comparedWith: 'labels';
  /** Score of one sample. @throws RangeError when output and label do not go together. */
  score(output: SampleValues, label: SampleValues, options: MetricOptions): number;
}

/** A metric that compares an output with what the original model answers to the same sample. */
export interface OriginalMetric extends MetricKind {
  readonly comparedWith: 'original';
  /** The score that the original has against itself. */
  readonly perfect: number;
  score(output: SampleValues, original: SampleValues, options: MetricOptions): number;
}

export type Metric = LabelMetric | OriginalMetric;
