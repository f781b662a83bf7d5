import type { SplitName } from '../../src/contracts/dataset.js';
import type { Report } from '../../src/contracts/report.js';
import { matchDataset } from '../../src/datasets/admission/match.js';
import { planSplits } from '../../src/datasets/admission/splits.js';
import { unscaledArrays } from '../../src/datasets/admission/unscaled.js';
import { usedSplits, wantedSamples } from '../../src/datasets/admission/wanted-samples.js';
import { openSamples } from '../../src/datasets/open-samples.js';
import type { Samples } from '../../src/datasets/samples.js';
import { syntheticSamples } from '../../src/datasets/synthetic.js';
import type { StepContext } from './step.js';

/** Seeded inputs that stand for a missing dataset: enough to see that two models agree. */
const SYNTHETIC_SAMPLES = 64;

/** The samples of a task, and which of them serve which purpose. */
export interface TaskSamples {
  readonly samples: Samples;
  readonly splits: Readonly<Record<SplitName, readonly number[]>>;
  /** Made up, because the job has no dataset. */
  readonly synthetic: boolean;
  /** Of each split that is not empty: how large, and where from. */
  readonly described: Report['splits'];
  /** What looks wrong about how they feed the model. */
  readonly notes: readonly string[];
}

function describe(
  splits: TaskSamples['splits'],
  source: Report['splits'][string]['source'],
  names: readonly SplitName[],
): Report['splits'] {
  const used = names.filter((name) => splits[name].length > 0);
  return Object.fromEntries(used.map((name) => [name, { samples: splits[name].length, source }]));
}

/**
 * Opens the dataset of the task, or makes samples up when it has none, and keeps the evaluation samples apart.
 * @throws ServiceError dataset_mismatch, dataset_too_small, dataset_not_finite, corrupt_dataset
 */
export async function openTaskSamples({ task, scratch, signal }: StepContext): Promise<TaskSamples> {
  const { spec, dataset, inspection } = task;
  if (!dataset) {
    const samples = syntheticSamples(inspection.inputs, SYNTHETIC_SAMPLES, spec.seed, spec.evaluate.latency.shapes);
    const all = Array.from({ length: samples.count }, (_, index) => index);
    const splits = { calibration: [], training: [], selection: [], evaluation: all };
    return { samples, splits, synthetic: true, described: describe(splits, 'synthetic', ['evaluation']), notes: [] };
  }
  const wanted = wantedSamples(spec);
  const match = matchDataset(inspection.inputs, dataset.inspection, dataset.manifest);
  const splits = planSplits(dataset.inspection.samples, dataset.manifest, wanted, spec.seed);
  const samples = await openSamples(dataset, match, inspection.inputs, scratch, signal);
  const notes = unscaledArrays(inspection.inputs, dataset.inspection, match);
  const described = describe(splits, splits.source, usedSplits(wanted));
  return { samples, splits, synthetic: false, described, notes };
}

/**
 * Opens the samples of a task, hands them to `work` and closes their files on every path.
 * @param work gets when the step began, by `performance.now()`: opening counts
 * @throws as openTaskSamples, and as `work`
 */
export async function withTaskSamples<Result>(
  context: StepContext,
  work: (data: TaskSamples, started: number) => Promise<Result>,
): Promise<Result> {
  const started = performance.now();
  context.progress('opening', 0);
  const data = await openTaskSamples(context);
  return work(data, started).finally(() => data.samples.close());
}
