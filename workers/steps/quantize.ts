import { join } from 'node:path';
import type { StageReport } from '../../src/contracts/report.js';
import { readModel } from '../../src/onnx/serde/read-model.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { quantizeModel } from '../../src/quantization/quantize-model.js';
import type { EngineResult } from '../protocol.js';
import { conclude } from './conclude.js';
import { peakMemoryBytes } from './peak-memory.js';
import type { StepContext } from './step.js';
import { openTaskSamples } from './task-samples.js';
import { totalBytes, writeModelFiles } from './written-model.js';

/** Fraction of the last step after which its result is evaluated; a step that is not the last has nothing else to do. */
const QUANTIZED = 0.6;

/** A quantize step: the model before it, with its numbers stored as the scheme says. */
export async function quantizeStep(context: StepContext): Promise<EngineResult> {
  const { task, scratch, signal, log } = context;
  const step = task.spec.steps[task.step];
  if (step?.type !== 'quantize') throw new Error(`step ${task.step} does not quantize`);
  const started = performance.now();
  const until = task.last ? QUANTIZED : 1;
  context.progress('opening', 0);
  const data = await openTaskSamples(context);
  const { model, cleaned, nodes, ...stage } = await quantizeModel({
    model: await readModel(task.input),
    step,
    samples: data.synthetic ? null : data.samples,
    calibration: data.splits.calibration,
    selection: data.splits.selection,
    cpu: cpuFacts(),
    threads: task.threads,
    scratch,
    signal,
    progress: (phase, fraction) => context.progress(phase, fraction * until),
  });
  const written = await writeModelFiles(model, scratch);
  const report: StageReport = {
    type: 'quantize',
    scheme: step.scheme,
    seconds: (performance.now() - started) / 1000,
    peak_memory_bytes: peakMemoryBytes(),
    bytes: totalBytes(written),
    sha256: written.sha256,
    ...stage,
  };
  log.info('quantized', { scheme: step.scheme, bytes: report.bytes, notes: report.notes });
  const made = {
    model: written,
    // Measured beside the result, to tell what the clean-up gave; nothing else is made of it.
    cleaned: task.last && step.scheme !== 'optimized' ? await writeModelFiles(cleaned, join(scratch, 'cleaned')) : null,
    stage: report,
    nodes,
  };
  return conclude(context, data, made, until);
}
