import type { MetricName } from '../../contracts/job-spec.js';
import type { ValueSignature } from '../../contracts/signature.js';

/** Outputs of this name are vectors to compare, not scores of classes, though both are [batch, n]. */
const NOT_CLASSES = /embed|feature|hidden|state|vector/i;

/** The shape of one sample's label: [] for one number per sample; null without labels. */
export type LabelShape = readonly number[] | null;

/**
 * The metric of a job that names none, from the scored output and the labels: top1 for a classifier with one label per sample, ctc
 * for steps of class scores with a row of letters, agreement for a classifier without labels, mae for one number per
 * sample (whose cosine says nothing but the sign), cosine for everything else.
 */
export function chooseMetric(output: ValueSignature, labels: LabelShape): MetricName {
  const rank = output.shape?.length;
  const classes = output.shape?.at(-1);
  const scoresClasses = rank === 2 && classes !== 0 && classes !== 1 && !NOT_CLASSES.test(output.name);
  const oneLabel = labels?.every((dim) => dim === 1) ?? false;
  if (scoresClasses) return oneLabel ? 'top1' : 'agreement';
  if (rank === 1 || (rank === 2 && classes === 1)) return 'mae';
  if (rank === 3 && labels?.length === 1) return 'ctc';
  return 'cosine';
}
