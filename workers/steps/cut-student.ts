import { join } from 'node:path';
import { DerivationReport, type FromTeacher } from '../../src/contracts/derived-student.js';
import type { Estimate } from '../../src/contracts/estimate.js';
import type { CheckpointStore } from '../../src/distillation/checkpoint-schedule.js';
import { deriveStudent } from '../../src/distillation/derivation/derive-student.js';
import { compareCandidates } from '../../src/evaluation/compare-candidates.js';
import { speedup } from '../../src/evaluation/latency/speedup.js';
import { blocksFor } from '../../src/evaluation/latency/time-models.js';
import { timeRound } from '../../src/evaluation/measure-latency.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { readModel } from '../../src/onnx/serde/read-model.js';
import type { StepContext } from './step.js';
import type { TaskSamples } from './task-samples.js';
import { writeModelFiles } from './written-model.js';

/** Fraction of the step's own work after which a student that is cut out of its teacher is ready to be trained. */
export const DERIVED = 0.2;
/** Names among the checkpoints of the step. */
const STUDENT = 'student';
const REPORT = 'student-report';
/** Milliseconds that one of about eight comparisons by time may take, so that others get the machine in between. */
const TIMING_MS = 15_000;

export interface CutStudent {
  readonly student: Model;
  readonly report: DerivationReport;
}

/**
 * A student cut out of the teacher, with its metric before any training. It is kept with the checkpoints: what is trained in a later
 * attempt must be the same student, also where a latency was measured to find it.
 */
export async function cutStudent(
  context: StepContext,
  { samples, splits }: TaskSamples,
  spec: FromTeacher,
  output: string,
  checkpoints: CheckpointStore,
): Promise<CutStudent> {
  const [bytes, text] = [await checkpoints.load(STUDENT), await checkpoints.load(REPORT)];
  if (bytes && text) {
    const report = DerivationReport.parse(JSON.parse(Buffer.from(text).toString('utf8')));
    return { student: decodeModel(bytes), report };
  }
  const { task, scratch, signal } = context;
  const derived = await deriveStudent(await readModel(task.input), {
    ...{ spec, output, samples, signal },
    indices: splits.training,
    threads: task.threads,
    seed: task.spec.seed,
    progress: (fraction) => context.progress('derive', fraction * DERIVED),
    latencyRatio: (teacher, student) => latencyRatio(context, samples, splits.training, teacher, student),
  });
  const compared = await compareCandidates({
    original: task.input,
    first: await writeModelFiles(derived.sliced, join(scratch, 'sliced')),
    second: await writeModelFiles(derived.student, join(scratch, 'solved')),
    ...{ samples, signal },
    evaluate: task.spec.evaluate,
    indices: splits.selection,
    threads: task.threads,
  });
  const { original, first, second } = compared;
  const report = { ...derived.report, before_training: { teacher: original, sliced: first, solved: second } };
  await checkpoints.save(REPORT, Buffer.from(JSON.stringify(report)));
  await checkpoints.save(STUDENT, encodeModel(derived.student));
  return { student: derived.student, report };
}

/** Times a student against its teacher, alone on the machine: seconds of it for one second of the teacher. */
async function latencyRatio(
  { task, scratch, signal, exclusive }: StepContext,
  samples: TaskSamples['samples'],
  indices: readonly number[],
  teacher: Model,
  student: Model,
): Promise<Estimate> {
  const { seed, evaluate } = task.spec;
  const { latency } = evaluate;
  const { times } = await timeRound({
    models: {
      teacher: await writeModelFiles(teacher, join(scratch, 'timed-teacher')),
      student: await writeModelFiles(student, join(scratch, 'timed-student')),
    },
    ...{ samples, indices, latency, seed, signal, exclusive },
    ...{ turn: 0, blocks: blocksFor(latency.runs), budgetMs: TIMING_MS },
    now: () => performance.now(),
    progress: () => {},
  });
  return speedup(times.student, times.teacher, seed);
}
