import { join } from 'node:path';
import { recoveryOf } from '../../src/contracts/recovery.js';
import type { StageReport } from '../../src/contracts/report.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { readModel } from '../../src/onnx/serde/read-model.js';
import { carryOut } from '../../src/search/carry-out.js';
import type { EngineResult } from '../protocol.js';
import { keptCalibration } from './calibration-memory.js';
import { certificateFiles } from './certificate-file.js';
import { conclude, type Made } from './conclude.js';
import { concludeSearch } from './conclude-search.js';
import { peakMemoryBytes } from './peak-memory.js';
import { type SettledRecipe, settleRecipe } from './recipe.js';
import type { StepContext, StepRunner } from './step.js';
import { type TaskSamples, withTaskSamples } from './task-samples.js';
import { type TrainingLimits, trainingLimits } from './training-limits.js';
import { copyModelFiles, totalBytes, writeModelFiles } from './written-model.js';

/** Fraction of the last step after which its result is evaluated; a step that is not the last has nothing else to do. */
const QUANTIZED = 0.6;
/** Fraction of that which a search takes; then the winner is made once more, for the result. */
const SEARCHED = 0.8;
/** Fraction of the making that quantization takes when a training follows. */
const QUANTIZED_BEFORE_RECOVERY = 0.2;

type MadeModel = Pick<Made, 'model' | 'cleaned' | 'nodes'> &
  Pick<
    StageReport,
    'passes' | 'calibration' | 'weights' | 'integer_nodes' | 'float_nodes' | 'executed' | 'recovery' | 'notes'
  >;

/** Carries a recipe out; the last resort of a search is the input, byte for byte. */
async function make(
  context: StepContext,
  data: TaskSamples,
  model: Model,
  { recipe, instructionSets, candidates }: SettledRecipe,
  limits: TrainingLimits,
  progress: (phase: string, fraction: number, metrics?: Readonly<Record<string, number>>) => void,
): Promise<MadeModel> {
  const { task, scratch, signal } = context;
  const { step } = recipe;
  if (!step) return { model: await copyModelFiles(task.input, scratch), cleaned: null, nodes: [], notes: [] };
  const recovery = recoveryOf(step);
  const quantized = await carryOut(
    { ...recipe, step },
    {
      model,
      samples: data.synthetic ? null : data.samples,
      batch: data.samples.batch ?? task.spec.evaluate.latency.batch,
      calibration: data.splits.calibration,
      selection: data.splits.selection,
      cpu: { instructionSets },
      // What a search measured on the way may differ in its last bit from what the winner alone measures, or a later job by its plan.
      ...(candidates.length > 0 ? {} : { calibrationMemory: keptCalibration(context) }),
      threads: task.threads,
      scratch,
      signal,
      progress: (phase, fraction) => progress(phase, recovery ? fraction * QUANTIZED_BEFORE_RECOVERY : fraction),
    },
  );
  const recovered = recovery
    ? // Loaded when it is wanted: few steps train.
      await (await import('./recover.js')).recover(
        context,
        data,
        { quantized: quantized.model, cleaned: quantized.cleaned, teacher: task.input },
        recovery,
        limits,
        (fraction, metrics) =>
          progress('recover', QUANTIZED_BEFORE_RECOVERY + (1 - QUANTIZED_BEFORE_RECOVERY) * fraction, metrics),
      )
    : { model: quantized.model, notes: [] };
  // Measured beside the result, to tell what the clean-up gave; nothing else is made of it.
  // Cleaned up, a student that took the original's place is no longer the original.
  const replaced = task.stages.some(({ type }) => type === 'distill');
  const cleaned = task.last && !replaced && step.scheme !== 'optimized' ? quantized.cleaned : null;
  return {
    ...quantized,
    ...recovered,
    model: await writeModelFiles(recovered.model, scratch),
    notes: [...quantized.notes, ...recovered.notes],
    cleaned: cleaned && (await writeModelFiles(cleaned, join(scratch, 'cleaned'))),
  };
}

/** A quantize step: the model before it, with its numbers stored as the scheme says. */
export const quantizeStep: StepRunner = (context) =>
  withTaskSamples(context, (...opened) => quantize(context, ...opened));

async function quantize(context: StepContext, data: TaskSamples, started: number): Promise<EngineResult> {
  const { task, log } = context;
  const step = task.spec.steps[task.step];
  if (step?.type !== 'quantize') throw new Error(`step ${task.step} does not quantize`);
  const until = task.last ? QUANTIZED : 1;
  const input = await readModel(task.input);
  const settled = await settleRecipe(context, data, step, input, until * SEARCHED);
  const from = step.scheme === 'auto' && !task.plan ? until * SEARCHED : 0;
  const { model, cleaned, nodes, ...stage } = await make(
    context,
    data,
    input,
    settled,
    trainingLimits(context, started),
    (phase, fraction, metrics) => context.progress(phase, from + fraction * (until - from), metrics),
  );
  const report: StageReport = {
    type: 'quantize',
    scheme: step.scheme,
    seconds: (performance.now() - started) / 1000,
    peak_memory_bytes: peakMemoryBytes(),
    bytes: totalBytes(model),
    sha256: model.sha256,
    ...stage,
    ...(settled.candidates.length > 0 && { candidates: [...settled.candidates] }),
    notes: [...settled.notes, ...stage.notes],
  };
  log.info('quantized', { scheme: step.scheme, bytes: report.bytes, notes: report.notes });
  const files = [...settled.files, ...(await certificateFiles(report, nodes, context.scratch))];
  const result = { model, cleaned, stage: report, nodes, files };
  return settled.candidates.length > 0
    ? concludeSearch(context, data, result, settled.files, until)
    : conclude(context, data, result, until);
}
