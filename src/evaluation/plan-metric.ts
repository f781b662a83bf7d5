import type { JobSpec } from '../contracts/job-spec.js';
import type { ValueSignature } from '../contracts/signature.js';
import { ServiceError } from '../platform/errors.js';
import { chooseMetric, type LabelShape } from './metrics/choose-metric.js';
import type { Metric } from './metrics/metric.js';
import { METRIC_TABLE } from './metrics/table.js';

export interface MetricPlan {
  readonly metric: Metric;
  /** Name of the output that is scored. */
  readonly output: string;
  /** Length of its last axis, the number of classes of a classifier; null when it is not fixed. */
  readonly classes: number | null;
  readonly notes: readonly string[];
}

const refuse = (pointer: string, detail: string): never => {
  throw new ServiceError('metric_not_applicable', detail, {
    phase: 'evaluate',
    errors: [{ pointer, code: 'metric_not_applicable', message: detail }],
  });
};

/**
 * Which metric scores which output.
 * @param labels shape of one sample's label, null without labels.
 * @param synthetic whether the samples are made up; then nothing but likeness to the original can be scored.
 * @throws ServiceError metric_not_applicable for an unknown output or missing labels.
 */
export function planMetric(
  evaluate: Pick<JobSpec['evaluate'], 'metric' | 'output'>,
  outputs: readonly ValueSignature[],
  labels: LabelShape,
  synthetic: boolean,
): MetricPlan {
  const output =
    (evaluate.output === undefined ? outputs[0] : outputs.find(({ name }) => name === evaluate.output)) ??
    refuse('/evaluate/output', `The model has no output "${evaluate.output ?? ''}".`);
  const last = output.shape?.at(-1);
  const classes = typeof last === 'number' ? last : null;
  const wanted = evaluate.metric === undefined ? undefined : METRIC_TABLE[evaluate.metric];
  if (wanted?.comparedWith === 'labels' && labels === null) {
    if (!synthetic) refuse('/evaluate/metric', `${wanted.name} needs labels, and the dataset has none.`);
    const metric = METRIC_TABLE[chooseMetric(output, null)];
    const notes = [`${wanted.name} needs labels, and there is no dataset: ${metric.name} is given instead.`];
    return { metric, output: output.name, classes, notes };
  }
  return { metric: wanted ?? METRIC_TABLE[chooseMetric(output, labels)], output: output.name, classes, notes: [] };
}
