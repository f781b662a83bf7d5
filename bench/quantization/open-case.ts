import { mkdir, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { DatasetManifest } from '../../src/contracts/dataset.js';
import { JobSpec } from '../../src/contracts/job-spec.js';
import type { QuantizeStep } from '../../src/contracts/quantize-step.js';
import type { SearchPlan } from '../../src/contracts/search-plan.js';
import { inspectDataset } from '../../src/datasets/admission/inspect-dataset.js';
import { inspectModel } from '../../src/onnx/admission/inspect-model.js';
import { newId } from '../../src/platform/ids.js';
import type { EngineTask, ModelFiles } from '../../workers/protocol.js';
import type { StepContext } from '../../workers/steps/step.js';
import { sha256Of } from '../../workers/steps/written-model.js';
import type { BenchCase } from './cases.js';
import { find, type Settings } from './settings.js';

const FOREVER = new AbortController().signal;

export async function modelFiles(path: string): Promise<ModelFiles> {
  return { path, bytes: (await stat(path)).size, sha256: await sha256Of(path), external: [] };
}

/** Why a case cannot be run here, in words; null when it can. */
export function missing({ model, data, sequences }: BenchCase, { models, data: places }: Settings): string | null {
  if (!find(models, model)) return `${model} is in no folder of MODELPRESS_BENCH_MODELS`;
  const absent = [data, sequences].find((file) => file !== undefined && !find(places, file));
  return absent === undefined ? null : `${absent} is in no folder of MODELPRESS_BENCH_DATA`;
}

/** The path of a file that `missing` has found. */
export function located(places: readonly string[], file: string): string {
  const path = find(places, file);
  if (path === null) throw new Error(`${file} is not there`);
  return path;
}

/**
 * A case as the engine process sees a job: the task of its quantize step, with a folder to work in. So the benchmark runs what the service runs.
 * @param subset which calibration samples
 */
export async function openCase(
  benchCase: BenchCase,
  { models, data }: Settings,
  options: { step: QuantizeStep; subset: number; plan: SearchPlan | null; scratch: string },
): Promise<StepContext> {
  const { step, subset, plan, scratch } = options;
  const { metric, evaluation, arrays } = benchCase;
  const { calibration, selection } = benchCase.subsets[subset] ?? benchCase.subsets[0];
  const original = await modelFiles(located(models, benchCase.model));
  const path = located(data, benchCase.data);
  const spec = JobSpec.parse({
    ...{ model: newId('mdl'), dataset: newId('dst'), steps: [step] },
    evaluate: { metric, samples: evaluation },
  });
  // Not parsed, so that the compiler says when a task has a field more.
  const task: EngineTask = {
    ...{ job: newId('job'), attempt: 1, request_id: newId('req') },
    spec,
    seconds_left: spec.timeout_seconds,
    memory_bytes: totalmem(),
    ...{ step: 0, last: false, original, input: original, student: null, plan, stages: [], before: [], threads: 1 },
    log_level: 'info',
    inspection: await inspectModel(original, [], FOREVER),
    dataset: {
      path,
      sha256: await sha256Of(path),
      manifest: DatasetManifest.parse({ arrays, splits: { calibration, selection } }),
      inspection: await inspectDataset(path, FOREVER),
    },
  };
  await mkdir(scratch, { recursive: true });
  return {
    task,
    scratch: join(scratch),
    signal: FOREVER,
    log: { info: () => {}, warn: () => {}, diagnose: () => {} },
    progress: () => {},
    exclusive: (timed) => timed(),
  };
}
