import type { ArrayInspection } from '../../contracts/dataset.js';
import type { JobSpec } from '../../contracts/job-spec.js';
import type { ValueSignature } from '../../contracts/signature.js';
import type { DatasetMatch } from '../../datasets/admission/match.js';
import { planMetric } from '../../evaluation/plan-metric.js';
import { ServiceError } from '../../platform/errors.js';
import type { DatasetRow, ModelRow } from '../../storage/schema.js';

/** Metrics that read one class number per sample. */
const OF_CLASSES: ReadonlySet<string> = new Set(['top1', 'top5']);
/** A sample without label: it may be learned from, and not be scored. */
const UNLABELLED = -1;

const refuse = (pointer: string, message: string, expected: string, received: string, hint: string): never => {
  throw new ServiceError('dataset_mismatch', message, {
    hint,
    errors: [{ pointer, code: 'dataset_mismatch', message, expected, received }],
  });
};

const perSample = ({ shape }: ArrayInspection): number => shape.slice(1).reduce((product, size) => product * size, 1);

/**
 * That labels which are to be scored as classes are classes of the scored output, as far as shapes and the range of the labels tell.
 * @throws ServiceError dataset_mismatch
 */
export function checkLabels({ evaluate }: JobSpec, model: ModelRow, dataset: DatasetRow, match: DatasetMatch): void {
  const labels = dataset.inspection.arrays.find(({ name }) => name === match.labels);
  if (labels === undefined) return;
  // What would be scored if each sample had one class: labels of another shape are told from none meant.
  const { outputs } = model.inspection;
  const plan = planMetric(evaluate, outputs, [], false);
  const output = outputs.find(({ name }) => name === plan.output);
  if (output === undefined || !OF_CLASSES.has(plan.metric.name)) return;
  const name = JSON.stringify(labels.name);
  const numbers = perSample(labels);
  if (numbers !== 1) {
    // Labels that go by their name alone may be meant for something else: the plan warns.
    if (evaluate.metric === undefined && dataset.manifest.labels === undefined) return;
    refuse(
      '/dataset/manifest/labels',
      `The labels ${name} hold ${numbers} numbers per sample; a classifier is scored with one class number per sample.`,
      'one whole number per sample',
      `${numbers} numbers per sample`,
      'Upload the index of the class instead of a one-hot row, or state a metric that reads no labels, such as "agreement".',
    );
  }
  checkRange(labels, output);
}

function checkRange({ name, range }: ArrayInspection, { name: output, shape }: ValueSignature): void {
  const classes = shape?.length === 2 ? shape[1] : undefined;
  if (range === undefined || range === null || typeof classes !== 'number') return;
  const [least, greatest] = range;
  if (least >= UNLABELLED && greatest < classes && greatest > UNLABELLED) return;
  const message =
    greatest === UNLABELLED && least === UNLABELLED
      ? `Every label of ${JSON.stringify(name)} is -1: no sample has one.`
      : `The labels ${JSON.stringify(name)} reach from ${least} to ${greatest}; the output ${JSON.stringify(output)} has the classes 0 to ${classes - 1}.`;
  refuse(
    `/dataset/arrays/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    message,
    `whole numbers from 0 to ${classes - 1}, or -1 for a sample without label`,
    `${least} to ${greatest}`,
    'Labels count the classes of the scored output, from 0. To do without them, upload the dataset with "labels": null in its manifest.',
  );
}
