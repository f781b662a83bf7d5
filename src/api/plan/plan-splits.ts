import type { JobPlan } from '../../contracts/plan.js';
import { splitSizes } from '../../datasets/admission/splits.js';
import { usedSplits, wantedSamples } from '../../datasets/admission/wanted-samples.js';
import type { CheckedSpec } from './check-spec.js';

/** How the job's samples are kept apart. @throws ServiceError dataset_too_small */
export function plannedSplits({ spec, dataset }: CheckedSpec): JobPlan['splits'] {
  if (dataset === null) return {};
  const { inspection, manifest } = dataset.row;
  const wanted = wantedSamples(spec);
  const { source, ...sizes } = splitSizes(inspection.samples, manifest, wanted);
  const used = usedSplits(wanted).filter((name) => sizes[name] > 0);
  return Object.fromEntries(used.map((name) => [name, { samples: sizes[name], source }]));
}
