import type { JobSpec } from '../../contracts/job-spec.js';
import type { JobPlan } from '../../contracts/plan.js';
import { splitSizes } from '../../datasets/admission/splits.js';
import type { CheckedSpec } from './check-spec.js';

/** The most that any step calibrates on: every step of a job sees the same splits. */
const calibrationSamples = ({ steps }: JobSpec): number =>
  Math.max(0, ...steps.map((step) => (step.scheme === 'int8_static' ? step.calibration.samples : 0)));

/** How the job's samples are kept apart. @throws ServiceError dataset_too_small */
export function plannedSplits({ spec, dataset }: CheckedSpec): JobPlan['splits'] {
  if (dataset === null) return {};
  const { inspection, manifest } = dataset.row;
  const wanted = { calibration: calibrationSamples(spec), evaluation: spec.evaluate.samples };
  const { source, ...sizes } = splitSizes(inspection.samples, manifest, wanted);
  const used = (['calibration', 'selection', 'evaluation'] as const).filter((name) => sizes[name] > 0);
  return Object.fromEntries(used.map((name) => [name, { samples: sizes[name], source }]));
}
