import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineResult, ModelFiles } from '../protocol.js';
import { conclude } from './conclude.js';
import { peakMemoryBytes } from './peak-memory.js';
import type { StepContext } from './step.js';
import { openTaskSamples } from './task-samples.js';
import { MODEL_FILE, totalBytes } from './written-model.js';

/** The input's files in the scratch folder under names of ours; it stays byte for byte what was uploaded. */
async function copyModel({ path, external, ...model }: ModelFiles, scratch: string): Promise<ModelFiles> {
  const copy = async (from: string, name: string) => {
    await copyFile(from, join(scratch, name));
    return join(scratch, name);
  };
  const copies = external.map(async (file, index) => ({ ...file, path: await copy(file.path, `w${index}.bin`) }));
  return { ...model, path: await copy(path, MODEL_FILE), external: await Promise.all(copies) };
}

/** A job without steps: the model as it is, measured. */
export async function evaluateStep(context: StepContext): Promise<EngineResult> {
  const { task, scratch, progress } = context;
  const started = performance.now();
  progress('opening', 0);
  const data = await openTaskSamples(context);
  const model = await copyModel(task.input, scratch);
  const stage = {
    type: 'evaluate' as const,
    seconds: (performance.now() - started) / 1000,
    peak_memory_bytes: peakMemoryBytes(),
    bytes: totalBytes(model),
    sha256: model.sha256,
    notes: [],
  };
  return conclude(context, data, { model, cleaned: null, stage, nodes: [] }, 0.1);
}
