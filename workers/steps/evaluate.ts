import type { EngineResult } from '../protocol.js';
import { conclude } from './conclude.js';
import { peakMemoryBytes } from './peak-memory.js';
import type { StepContext } from './step.js';
import { openTaskSamples } from './task-samples.js';
import { copyModelFiles, totalBytes } from './written-model.js';

/** A job without steps: the model as it is, measured. */
export async function evaluateStep(context: StepContext): Promise<EngineResult> {
  const { task, scratch, progress } = context;
  const started = performance.now();
  progress('opening', 0);
  const data = await openTaskSamples(context);
  const model = await copyModelFiles(task.input, scratch);
  const stage = {
    type: 'evaluate' as const,
    seconds: (performance.now() - started) / 1000,
    peak_memory_bytes: peakMemoryBytes(),
    bytes: totalBytes(model),
    sha256: model.sha256,
    notes: [],
  };
  return conclude(context, data, { model, cleaned: null, stage, nodes: [], files: [] }, 0.1);
}
