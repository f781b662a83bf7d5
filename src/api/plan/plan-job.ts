import type { FromTeacher } from '../../contracts/derived-student.js';
import type { DistillStep } from '../../contracts/distill-step.js';
import type { Step } from '../../contracts/job-spec.js';
import type { JobPlan } from '../../contracts/plan.js';
import type { QuantizeStep } from '../../contracts/quantize-step.js';
import { type Recovery, recoveryOf } from '../../contracts/recovery.js';
import { planMetric } from '../../evaluation/plan-metric.js';
import type { CheckedSpec } from './check-spec.js';
import { plannedSplits } from './plan-splits.js';
import { planWarnings } from './warnings.js';

const SCHEME_ACTIONS: Readonly<Record<QuantizeStep['scheme'], string>> = {
  auto: 'try the other schemes from cheap to dear under a time budget, and keep the best that is good enough',
  optimized: 'clean the graph up without loss and keep FP32',
  int8_static:
    'clean the graph up, measure activation ranges on the calibration samples, and store weights and activations in INT8',
  int8_dynamic: 'clean the graph up and store weights in INT8; activations become INT8 while the model runs',
  int8_weights: 'clean the graph up and store weights in INT8; activations stay float',
  int4_weights: 'clean the graph up and store weights in 4 bits or fewer, in blocks; activations stay float',
  fp16: 'clean the graph up, measure on the calibration samples which numbers fit half precision, and compute in it where they do',
  fp16_weights: 'clean the graph up and store weights in FP16; everything runs in FP32',
};

const networkOf = (student: Exclude<DistillStep['student'], { from: unknown }>): string =>
  'model' in student ? `the student ${student.model}` : `a ${student.template} of ${student.widths.join(', ')}`;

/** How a student is cut out of its teacher. */
function cutOf({ width, target, drop_layers, keep, samples }: FromTeacher): string {
  const [wanted] = Object.entries(target ?? {});
  const parts = [
    ...(drop_layers > 0 ? [`drop ${drop_layers} residual block${drop_layers === 1 ? '' : 's'}`] : []),
    ...(width === undefined ? [] : [`keep ${width} of the channels`]),
    ...(wanted === undefined
      ? []
      : [`keep as many channels as a ${wanted[0].replace('_', ' ')} of ${wanted[1]} allows`]),
  ];
  const whole = keep.length > 0 ? ` but leave ${keep.join(', ')} whole` : '';
  return `${parts.join(' and ')}${whole}, and solve the rest by least squares on up to ${samples} training samples`;
}

/** What a step does, in words. */
function actionOf(step: Step): string {
  if (step.type === 'quantize') {
    const recovery = recoveryOf(step);
    if (recovery === null) return SCHEME_ACTIONS[step.scheme];
    return `${SCHEME_ACTIONS[step.scheme]}; then let the model before it teach the result ${effortOf(recovery)}`;
  }
  const { quantize_aware: aware } = step;
  if (!aware) return trainingOf(step);
  const teacher = step.loss.kind === 'labels' ? 'the student' : 'the model before it';
  return `${trainingOf(step)}; ${SCHEME_ACTIONS[aware.scheme]}; then let ${teacher} teach the quantized student ${effortOf(aware.recover)}`;
}

const effortOf = ({ epochs, samples }: Recovery): string =>
  `for up to ${epochs} epochs of at most ${samples} samples, and keep the better`;

/** How a student is made and trained. */
function trainingOf({ student, training, loss }: DistillStep): string {
  const cut = 'from' in student;
  const made = cut ? `${cutOf(student)}; ` : '';
  if (cut && training.epochs === 0) return `${made}train nothing`;
  return `${made}train ${cut ? 'it' : networkOf(student)} with loss ${loss.kind} for up to ${training.epochs} epochs, train or take the same student without the teacher, and keep the better`;
}

/** What a job would do and on which samples, in words and numbers. Nothing is stored and nothing is run. */
export function planJob(checked: CheckedSpec): JobPlan {
  const { spec, model, dataset } = checked;
  const { steps, evaluate, require: requirements } = spec;
  const splits = plannedSplits(checked);
  const scored = planMetric(evaluate, model.inspection.outputs, labelShape(checked), dataset === null);
  const actions = [
    ...steps.map((step, index) => `Step ${index + 1}: ${actionOf(step)}.`),
    `Score ${scored.metric.name} of the output ${JSON.stringify(scored.output)}, original and result on the same samples${dataset === null ? ', made from the seed' : ''}.`,
    `Time both alternately in one process, ${evaluate.latency.runs} runs each.`,
    ...(requirements === undefined ? [] : ['Decide on each requirement with its evidence.']),
  ];
  return {
    object: 'job_plan',
    spec,
    evaluation: { metric: scored.metric.name, output: scored.output },
    splits,
    actions,
    warnings: planWarnings(checked, splits, scored),
  };
}

/** The shape of one sample's label; null without labels. */
function labelShape({ dataset }: CheckedSpec): readonly number[] | null {
  const labels = dataset?.match.labels ?? null;
  return dataset?.row.inspection.arrays.find(({ name }) => name === labels)?.shape.slice(1) ?? null;
}
