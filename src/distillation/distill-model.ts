import { join } from 'node:path';
import type { Model } from '../onnx/ir/graph.js';
import { checkViews } from './augmentation/check-views.js';
import type { DistillOptions } from './distill-options.js';
import { type FittingBatch, fitToMemory } from './fit-to-memory.js';
import { type HintedStudent, withHints } from './hints/plan-hints.js';
import { knownLabels } from './known-labels.js';
import { areProbabilities, holdsProbabilities, lossOfOutputs } from './losses/probabilities.js';
import { type OpenTeacher, openTeacher } from './open-teacher.js';
import { type DistillationPlan, planDistillation } from './plan-distillation.js';
import { exportStudent } from './students/export-student.js';
import { type TargetShapes, targetShapes } from './target-shapes.js';
import type { TrainedStudent } from './train-student.js';
import { trainingNotes } from './training-notes.js';
import { TAUGHT, TrainingProgress } from './training-progress.js';
import { trainingRuns } from './training-runs.js';

export interface Distilled extends Omit<TrainedStudent, 'weights'> {
  readonly student: Model;
  /** The same initial weights without the teacher: trained on labels alone for as many steps, or not at all. */
  readonly baseline: Model;
  readonly baselineKind: 'labels' | 'untrained';
  readonly batchSize: number;
  readonly memory: FittingBatch;
  readonly notes: readonly string[];
}

/**
 * Trains a student by its teacher, and the baseline that says what the teacher was worth. Works without labels; the teacher runs over
 * the samples once.
 * @throws ServiceError unsupported_operator, unsupported_dtype, dataset_mismatch, training_diverged, model_load_failed, model_run_failed
 */
export async function distillModel(options: DistillOptions): Promise<Distilled> {
  const plan = await planDistillation(options);
  const teacher = await askTeacher(options, plan);
  try {
    return await trainBoth(options, plan, teacher);
  } finally {
    await teacher.close();
  }
}

/** Answers of the teacher that are looked at to tell probabilities from logits. */
const PROBED = 16;

/** The samples of which some answers are looked at. A teacher that no loss reads is asked for one, which tells its shape. */
const probed = ({ training }: DistillOptions, { loss }: DistillationPlan) =>
  training.slice(0, loss.teacher ? PROBED : 1);

/** The teacher, with its answers to all samples that the student will be shown as they are. */
function askTeacher(options: DistillOptions, plan: DistillationPlan): Promise<OpenTeacher> {
  const { samples, training: indices, selection, output, step, signal, threads } = options;
  const { loss, batchSize } = plan;
  const hinted = step.hints.length > 0;
  // What the teacher says of changed samples, or holds inside, is asked when they are shown.
  const changed = Boolean(step.training.augment);
  const first = probed(options, plan);
  return openTeacher({
    ...{ teacher: options.teacher, output, samples, batch: batchSize, threads, signal },
    indices: loss.teacher ? [...(changed ? first : indices), ...selection] : first,
    kept: hinted || (loss.teacher && changed),
    inner: step.hints.map(({ teacher: value }) => value),
    path: join(options.scratch, 'teacher-outputs.raw'),
    progress: (fraction) => options.progress('teacher', TAUGHT * fraction, {}),
  });
}

/** Student and baseline, trained beside an open teacher. */
async function trainBoth(options: DistillOptions, plan: DistillationPlan, teacher: OpenTeacher): Promise<Distilled> {
  const { step, output, seed, signal } = options;
  const { student, loss, batchSize } = plan;
  const answers = await teacher.rows(probed(options, plan));
  const labels = await knownLabels(options, loss.labels || options.labelled, answers.dims.at(-1) ?? 0);
  const hinted = await withHints(step.hints, student, {
    feeds: await options.samples.feeds(Array.from({ length: batchSize }, () => options.training[0] ?? 0)),
    teacher: teacher.answers,
    seed,
  });
  const shapes = targetShapes(answers.dims, labels, step.training);
  const memory = await fitted(options, plan, hinted, shapes);
  const byLabels = (loss.teacher || step.hints.length > 0) && options.labelled && labels.labelled.length > 0;
  const progress = new TrainingProgress(options, byLabels);
  const runs = trainingRuns(options, { plan, teacher, labels, hinted, memory, shapes, progress });
  const probabilities = {
    student: holdsProbabilities(student.graph, output),
    teacher: loss.teacher && areProbabilities(answers),
  };
  const { weights, ...result } = await runs.distill(lossOfOutputs(step.loss, probabilities));
  const baseline = byLabels
    ? (await runs.baseline(lossOfOutputs({ kind: 'labels' }, probabilities))).weights
    : new Map();
  options.progress('baseline', 1, {});
  return {
    ...result,
    student: await exportStudent(student, weights, signal),
    baseline: await exportStudent(student, baseline, signal),
    baselineKind: byLabels ? 'labels' : 'untrained',
    batchSize,
    memory,
    notes: trainingNotes(step.training, {
      batchSize,
      microBatch: memory.microBatch,
      stopped: result.stopped,
      fit: progress.fit,
      ...(labels.needed && { labels: { labelled: labels.labelled.length, samples: options.training.length } }),
    }),
  };
}

/** How a batch of the student, its hints included, is brought into memory. */
async function fitted(
  options: DistillOptions,
  { frozen, trained, loss, batchSize }: DistillationPlan,
  { student, hints, maps }: HintedStudent,
  { teacherShape, labelShares }: TargetShapes,
): Promise<FittingBatch> {
  const { samples, training: indices, output, memoryLimit: limit, block = 1, step } = options;
  const memory = await fitToMemory({
    ...{ student, hints, frozen, output, samples, indices, batchSize, loss, limit, labelShares, block },
    trained: [...trained, ...maps],
    teacherShape: (size) => teacherShape(loss, size),
  });
  const { augment } = step.training;
  if (augment) await checkViews(augment, samples, indices[0] ?? 0, memory.microBatch);
  return memory;
}
