import type { JobPlan } from '../../contracts/plan.js';
import { unscaledArrays } from '../../datasets/admission/unscaled.js';
import { samplesMissing } from '../../evaluation/decidable.js';
import type { MetricPlan } from '../../evaluation/plan-metric.js';
import type { CheckedSpec } from './check-spec.js';
import { labelWarnings } from './label-warnings.js';

/** Below so many samples one of them is 5 % of what is measured, and an interval spans tens of percent. */
const FEW_SAMPLES = 20;

/** What a caller may not have meant, in sentences; none of it keeps the job from running. */
export function planWarnings(checked: CheckedSpec, splits: JobPlan['splits'], { metric, notes }: MetricPlan): string[] {
  const { spec, model, dataset } = checked;
  const { require: requirements, steps } = spec;
  const evaluated = splits.evaluation?.samples ?? 0;
  const warnings = [...notes];
  if (steps.length === 0) warnings.push('There are no steps: the model is evaluated as it is.');
  if (dataset === null) {
    warnings.push('Without a dataset, original and result are compared on made-up inputs.');
    if (requirements?.max_metric_drop !== undefined || requirements?.min_metric !== undefined) {
      warnings.push('Requirements on the metric will be undecided: there is no dataset.');
    }
    return warnings;
  }
  warnings.push(...unscaledArrays(model.inspection.inputs, dataset.row.inspection, dataset.match));
  warnings.push(...labelWarnings(checked, metric));
  for (const [name, { samples }] of Object.entries(splits)) {
    if (samples < FEW_SAMPLES)
      warnings.push(
        `There ${samples === 1 ? 'is 1 sample' : `are only ${samples} samples`} for ${name}: what they tell is little more than chance.`,
      );
  }
  const bound = requirements?.max_metric_drop;
  const missing = bound === undefined || !metric.zeroOrOne ? null : samplesMissing(bound, evaluated);
  if (missing !== null) {
    warnings.push(
      `max_metric_drop ${bound} will be undecided even if not one answer changes: that takes ${missing} evaluation samples, and there are ${evaluated}.`,
    );
  }
  return warnings;
}
