import type { EngineResult } from '../protocol.js';
import { conclude } from './conclude.js';
import { peakMemoryBytes } from './peak-memory.js';
import type { StepContext, StepRunner } from './step.js';
import { type TaskSamples, withTaskSamples } from './task-samples.js';
import { copyModelFiles, totalBytes } from './written-model.js';

/** A job without steps: the model as it is, measured. */
export const evaluateStep: StepRunner = (context) =>
  withTaskSamples(context, (...opened) => evaluate(context, ...opened));

async function evaluate(context: StepContext, data: TaskSamples, started: number): Promise<EngineResult> {
  const { task, scratch } = context;
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
