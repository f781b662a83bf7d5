import { join } from 'node:path';
import type { Recovery } from '../../src/contracts/recovery.js';
import type { RecoveryReport } from '../../src/contracts/report.js';
import { trainingNotes } from '../../src/distillation/training-notes.js';
import { type ComparedCandidates, compareCandidates } from '../../src/evaluation/compare-candidates.js';
import { planMetric } from '../../src/evaluation/plan-metric.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { blockSize } from '../../src/onnx/passes/blocked-layout.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { type Recovered, recoverModel } from '../../src/recovery/recover-model.js';
import type { ModelFiles } from '../protocol.js';
import { checkpointFiles } from './checkpoint-files.js';
import type { StepContext } from './step.js';
import type { TaskSamples } from './task-samples.js';
import type { TrainingLimits } from './training-limits.js';
import { writeModelFiles } from './written-model.js';

export interface RecoveredStage {
  /** The better one of the recovered model and the one before. */
  readonly model: Model;
  readonly recovery: RecoveryReport;
  readonly notes: readonly string[];
}

/** Lets a teacher teach the quantized model, and keeps what it taught if that is better on the selection samples. */
export async function recover(
  context: StepContext,
  { samples, splits, synthetic }: TaskSamples,
  models: {
    readonly quantized: Model;
    /** The float model that it was made of, cleaned up. */
    readonly cleaned: Model;
    readonly teacher: ModelFiles;
  },
  recovery: Recovery,
  { memoryLimit, secondsLeft }: TrainingLimits,
  progress: (fraction: number, metrics?: Readonly<Record<string, number>>) => void,
): Promise<RecoveredStage> {
  const { task, scratch, signal, log } = context;
  const { evaluate, seed } = task.spec;
  const { quantized, teacher } = models;
  const labels = await samples.labels(splits.selection.slice(0, 1));
  const { metric, output } = planMetric(evaluate, task.inspection.outputs, labels?.dims.slice(1) ?? null, synthetic);
  const recovered = await recoverModel({
    ...{ quantized, teacher, recovery, output, samples, scratch, signal, seed, progress },
    float: models.cleaned,
    metric: metric.name,
    training: splits.training,
    selection: splits.selection,
    checkpoints: checkpointFiles(scratch, task.step),
    threads: task.threads,
    memoryLimit,
    block: blockSize(cpuFacts().instructionSets),
    now: () => performance.now(),
    outOfTime: () => secondsLeft(1) < 0,
  });
  const compared = await compareCandidates({
    original: task.input,
    first: await writeModelFiles(recovered.model, join(scratch, 'recovered')),
    second: await writeModelFiles(quantized, join(scratch, 'post-training')),
    ...{ samples, evaluate, signal },
    indices: splits.selection,
    threads: task.threads,
  });
  const report = recoveryReport(recovered, compared, splits.selection.length);
  log.info('recovered', { outcome: report.outcome, kept: report.kept, before: report.before, after: report.after });
  return {
    model: report.kept === 'recovered' ? recovered.model : quantized,
    recovery: report,
    notes: notesOf(recovered, report, recovery),
  };
}

function recoveryReport(
  {
    model: _,
    batchSize,
    bestEpoch,
    frozen,
    history,
    lossBefore,
    memory,
    samples: trainingSamples,
    ...trained
  }: Recovered,
  { metric, first, second, gain }: ComparedCandidates,
  samples: number,
): RecoveryReport {
  const [low, high] = gain.ci95;
  const lossAfter = history[bestEpoch]?.heldOut ?? Number.POSITIVE_INFINITY;
  return {
    ...trained,
    frozen: frozen.count,
    training_samples: trainingSamples,
    batch_size: batchSize,
    micro_batch: memory.microBatch,
    estimated_memory_bytes: memory.estimatedBytes,
    epochs: history.length,
    best_epoch: bestEpoch,
    held_out_loss_before: lossBefore,
    history: history.map(({ epoch, loss, heldOut }) => ({ epoch, loss, held_out_loss: heldOut })),
    ...{ metric, samples, before: second, after: first },
    gain: { value: gain.value, ci95: gain.ci95 },
    outcome: low > 0 ? 'gain' : high < 0 ? 'loss' : 'no_gain',
    // Nearer to the teacher, and no worse at what is scored.
    kept: lossAfter < lossBefore && gain.value >= 0 ? 'recovered' : 'post_training',
  };
}

function notesOf(
  { frozen, batchSize, memory, stopped }: Recovered,
  { kept }: RecoveryReport,
  { batch_size }: Recovery,
): string[] {
  const notes: string[] = [];
  if (kept === 'post_training') notes.push('The recovery gained nothing: plain post-training quantization was kept.');
  else notes.push('The errors of single nodes (sqnr_db) are those before the recovery.');
  if (frozen.count > 0 && frozen.by)
    notes.push(`${frozen.count} constants before ${frozen.by.name} stayed as they were. ${frozen.by.reason ?? ''}`);
  return [...notes, ...trainingNotes({ batch_size }, { batchSize, microBatch: memory.microBatch, stopped })];
}
