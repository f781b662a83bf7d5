import type { JobSpec } from '../../contracts/job-spec.js';
import { usesSamples } from '../../contracts/quantize-step.js';

/** The most that any step of a job calibrates on, so that every step of the job sees the same splits; 0 when none does. */
export function calibrationSamples({ steps }: Pick<JobSpec, 'steps'>): number {
  return Math.max(
    0,
    ...steps.map((step) => (step.type === 'quantize' && usesSamples(step) ? step.calibration.samples : 0)),
  );
}
