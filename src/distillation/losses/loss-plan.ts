import type { DistillLoss } from '../../contracts/distill-step.js';
import { crossEntropy, decoupled, dist, softenedDivergence, standardized } from './classification.js';
import type { Loss } from './loss.js';
import { cosineDistance, huber, meanSquared } from './regression.js';

/** A loss and what it reads besides the student's output. */
export interface LossPlan {
  readonly loss: Loss;
  readonly teacher: boolean;
  readonly labels: boolean;
}

const teacherOnly = (loss: Loss): LossPlan => ({ loss, teacher: true, labels: false });

/** (1 − share) · loss + share · cross-entropy on labels. */
function mixed(loss: Loss, share: number, readsLabels = false): LossPlan {
  if (share === 0) return { loss, teacher: true, labels: readsLabels };
  const sum: Loss = (emit, inputs) =>
    emit.add(emit.scale(loss(emit, inputs), 1 - share), emit.scale(crossEntropy(emit, inputs), share));
  return { loss: sum, teacher: true, labels: true };
}

const onStandardized =
  (loss: Loss): Loss =>
  (emit, inputs) =>
    loss(emit, {
      ...inputs,
      student: standardized(emit, inputs.student, inputs.dims),
      teacher: standardized(emit, inputs.teacher, inputs.dims),
    });

type Planner<Kind extends DistillLoss['kind']> = (spec: Extract<DistillLoss, { kind: Kind }>) => LossPlan;

const PLANNERS: { readonly [Kind in DistillLoss['kind']]: Planner<Kind> } = {
  kd: ({ temperature, standardize, labels }) => {
    const divergence = softenedDivergence(temperature);
    return mixed(standardize ? onStandardized(divergence) : divergence, labels);
  },
  dkd: ({ temperature, alpha, beta, labels }) => mixed(decoupled(temperature, alpha, beta), labels, true),
  dist: ({ temperature, beta, gamma, labels }) => mixed(dist(temperature, beta, gamma), labels),
  mse: () => teacherOnly(meanSquared),
  huber: ({ delta }) => teacherOnly(huber(delta)),
  cosine: () => teacherOnly(cosineDistance),
  labels: () => ({ loss: crossEntropy, teacher: false, labels: true }),
};

/** The loss that a spec describes. */
export const lossPlan = (spec: DistillLoss): LossPlan => (PLANNERS[spec.kind] as (spec: DistillLoss) => LossPlan)(spec);
