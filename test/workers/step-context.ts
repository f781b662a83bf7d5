import { writeFileSync } from 'node:fs';
import { JobSpec } from '../../src/contracts/job-spec.js';
import { inspectModel } from '../../src/onnx/admission/inspect-model.js';
import { newId } from '../../src/platform/ids.js';
import type { EngineTask, ModelFiles } from '../../workers/protocol.js';
import type { StepContext } from '../../workers/steps/step.js';
import { sha256Of } from '../../workers/steps/written-model.js';

/** A model as a step finds it on disk. */
export async function modelFiles(path: string, bytes: Uint8Array): Promise<ModelFiles> {
  writeFileSync(path, bytes);
  return { path, bytes: bytes.byteLength, sha256: await sha256Of(path), external: [] };
}

/** What an engine gives the only step of a job, with nobody to hear what it says. */
export async function stepContext(
  scratch: string,
  original: ModelFiles,
  spec: object,
  task: Partial<EngineTask> = {},
): Promise<StepContext> {
  const signal = new AbortController().signal;
  return {
    task: {
      ...{ job: newId('job'), attempt: 1, request_id: 'req', step: 0, last: true, original, input: original },
      ...{ spec: JobSpec.parse({ model: newId('mdl'), ...spec }) },
      ...{ inspection: await inspectModel(original, [], signal), student: null, dataset: null, plan: null },
      ...{ stages: [], before: [], threads: 1, memory_bytes: 1e9, seconds_left: 3600, log_level: 'info' },
      ...task,
    },
    ...{ scratch, signal, log: { info: () => {}, warn: () => {}, diagnose: () => {} } },
    ...{ progress: () => {}, exclusive: (timed) => timed() },
  };
}
