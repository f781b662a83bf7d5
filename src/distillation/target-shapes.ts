import type { Training } from '../contracts/distill-step.js';
import type { KnownLabels } from './known-labels.js';
import type { LossPlan } from './losses/loss-plan.js';

/** Shapes of what a loss reads besides the student's output. */
export interface TargetShapes {
  /** Shape of the teacher's output for so many samples; null where the loss does not read it. */
  teacherShape(loss: LossPlan, size: number): readonly number[] | null;
  /** Classes of labels that come as shares; undefined where samples are not mixed and have one class each. */
  readonly labelShares: number | undefined;
}

/** @param answers shape of some answers of the teacher, samples in front */
export const targetShapes = (
  answers: readonly number[],
  { count }: KnownLabels,
  { augment }: Training,
): TargetShapes => ({
  teacherShape: (loss, size) => (loss.teacher ? [size, ...answers.slice(1)] : null),
  labelShares: (augment?.mixup ?? 0) > 0 ? count : undefined,
});
