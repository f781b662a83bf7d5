import type { JobSpec } from '../../contracts/job-spec.js';
import { recoveryOf } from '../../contracts/recovery.js';
import { calibrationSamples } from './calibration-samples.js';
import type { WantedSamples } from './splits.js';

/** What a job needs samples for. It is the same for all its steps, so that every one of them sees the same splits. */
export function wantedSamples({ steps, evaluate }: JobSpec): WantedSamples {
  return {
    calibration: calibrationSamples({ steps }),
    evaluation: evaluate.samples,
    training: steps.some((step) => step.type === 'distill' || recoveryOf(step) !== null),
  };
}

/** The splits that the samples of a job serve for, without those that nothing asks for. */
export const usedSplits = ({ training }: WantedSamples) =>
  (['calibration', 'training', 'selection', 'evaluation'] as const).filter((name) => name !== 'training' || training);
