import type { JobSpec, Step } from '../../contracts/job-spec.js';
import { studentStep } from '../../contracts/quantize-aware.js';
import { type QuantizeStep, usesSamples } from '../../contracts/quantize-step.js';

/** The quantization that a step does, if any. */
const quantizationOf = (step: Step): QuantizeStep | undefined => {
  if (step.type === 'quantize') return step;
  return step.quantize_aware && studentStep(step.quantize_aware);
};

/** The most that any step of a job calibrates on, so that every step of the job sees the same splits; 0 when none does. */
export function calibrationSamples({ steps }: Pick<JobSpec, 'steps'>): number {
  return Math.max(
    0,
    ...steps.map((step) => {
      const quantization = quantizationOf(step);
      return quantization && usesSamples(quantization) ? quantization.calibration.samples : 0;
    }),
  );
}
