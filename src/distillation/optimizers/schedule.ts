import type { ScheduleKind } from '../../contracts/distill-step.js';

const SHAPES: Readonly<Record<ScheduleKind, (progress: number) => number>> = {
  constant: () => 1,
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
};

/** Learning rate at `step` (from 0) of `total`: a linear warm-up to `peak`, then the schedule down to 0. */
export function learningRateAt(
  step: number,
  total: number,
  options: { readonly kind: ScheduleKind; readonly peak: number; readonly warmupSteps: number },
): number {
  const { kind, peak, warmupSteps } = options;
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, total - warmupSteps));
  return peak * SHAPES[kind](progress);
}
