import type { JobSpec } from '../../contracts/job-spec.js';
import type { StepScheme } from '../../contracts/quantize-step.js';

/** Schemes that measure on samples before the evaluation: calibration and selection samples are set aside for them. */
const MEASURES_ON_SAMPLES: ReadonlySet<StepScheme> = new Set(['int8_static', 'auto']);

/** The most that any step of a job calibrates on, so that every step of the job sees the same splits; 0 when none does. */
export function calibrationSamples({ steps }: Pick<JobSpec, 'steps'>): number {
  return Math.max(
    0,
    ...steps.map((step) =>
      step.type === 'quantize' && MEASURES_ON_SAMPLES.has(step.scheme) ? step.calibration.samples : 0,
    ),
  );
}
