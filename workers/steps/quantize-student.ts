import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DistillLoss } from '../../src/contracts/distill-step.js';
import { type QuantizeAware, studentStep } from '../../src/contracts/quantize-aware.js';
import type { RecoveryLoss } from '../../src/contracts/recovery.js';
import type { NodeReport, StageReport } from '../../src/contracts/report.js';
import { readModel } from '../../src/onnx/serde/read-model.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { quantizeModel } from '../../src/quantization/quantize-model.js';
import type { ModelFiles, ResultFile } from '../protocol.js';
import { recover } from './recover.js';
import type { StepContext } from './step.js';
import type { TaskSamples } from './task-samples.js';
import type { TrainingLimits } from './training-limits.js';
import { writeModelFiles } from './written-model.js';

/** Fraction of the work that quantization takes; the rest is training. */
const QUANTIZED = 0.2;

export interface QuantizedStudent {
  readonly model: ModelFiles;
  readonly stage: Omit<StageReport, 'type' | 'seconds' | 'peak_memory_bytes' | 'bytes' | 'sha256'>;
  readonly nodes: readonly NodeReport[];
  /** The float student. */
  readonly files: readonly ResultFile[];
}

/**
 * The last part of a distillation: quantizes the student and lets the original teacher teach it on. Without a teacher, when labels alone taught
 * the student, it teaches its own quantized copy.
 * @throws ServiceError as quantizeModel and recoverModel
 */
export async function quantizeStudent(
  context: StepContext,
  data: TaskSamples,
  student: ModelFiles,
  { aware, loss }: { readonly aware: QuantizeAware; readonly loss: DistillLoss },
  limits: TrainingLimits,
  progress: (phase: string, fraction: number, metrics?: Readonly<Record<string, number>>) => void,
): Promise<QuantizedStudent> {
  const { task, scratch, signal } = context;
  const step = studentStep(aware);
  const float = await readModel(student);
  const files = await keepFloat(student, scratch);
  const { model, cleaned, nodes, ...stage } = await quantizeModel({
    ...{ model: float, step, samples: data.samples, scratch, signal },
    calibration: data.splits.calibration,
    selection: data.splits.selection,
    cpu: { instructionSets: cpuFacts().instructionSets },
    threads: task.threads,
    progress: (phase, fraction) => progress(phase, fraction * QUANTIZED),
  });
  const teacher = loss.kind === 'labels' ? student : task.input;
  const recovered = await recover(
    context,
    data,
    { quantized: model, cleaned, teacher },
    { ...aware.recover, loss: aware.recover.loss ?? recoveryLossOf(loss) },
    limits,
    (fraction, metrics) => progress('recover', QUANTIZED + (1 - QUANTIZED) * fraction, metrics),
  );
  return {
    model: await writeModelFiles(recovered.model, scratch),
    stage: {
      ...{ ...stage, scheme: aware.scheme, recovery: recovered.recovery },
      notes: [...stage.notes, ...recovered.notes],
    },
    nodes,
    files,
  };
}

/** The distillation's own loss, where a recovery has it too. */
function recoveryLossOf(loss: DistillLoss): RecoveryLoss | undefined {
  if (loss.kind === 'kd') return { kind: 'kd', temperature: loss.temperature };
  return loss.kind === 'mse' || loss.kind === 'cosine' ? { kind: loss.kind } : undefined;
}

/** The student before it was quantized, beside the result. One whose weights lie in files beside it is not kept. */
async function keepFloat({ path, external }: ModelFiles, scratch: string): Promise<ResultFile[]> {
  if (external.length > 0) return [];
  const name = 'float-student.onnx';
  await copyFile(path, join(scratch, name));
  return [{ file: name, name, role: 'candidate' }];
}
