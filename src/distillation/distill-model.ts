import { join } from 'node:path';
import type { DistillStep } from '../contracts/distill-step.js';
import type { Samples } from '../datasets/samples.js';
import type { Model } from '../onnx/ir/graph.js';
import { int64s, type Tensor } from '../onnx/ir/tensor.js';
import { readModel } from '../onnx/serde/read-model.js';
import type { ExternalFile } from '../runtime/session.js';
import { checkViews } from './augmentation/check-views.js';
import type { CheckpointStore } from './checkpoint-schedule.js';
import { classLabels, requireLabels } from './class-labels.js';
import { type FittingBatch, fitToMemory } from './fit-to-memory.js';
import { frozenNodes } from './frozen.js';
import type { Hint } from './hints/hint.js';
import { checkHintNames, withHints } from './hints/plan-hints.js';
import { onLabelledSamples } from './labelled-samples.js';
import { type LossPlan, lossPlan } from './losses/loss-plan.js';
import { areProbabilities, holdsProbabilities, lossOfOutputs } from './losses/probabilities.js';
import { openTeacher } from './open-teacher.js';
import { TARGETS } from './program.js';
import { shownBatch } from './shown-batch.js';
import { exportStudent } from './students/export-student.js';
import { prepareStudent } from './students/prepare-student.js';
import { trainableWeights } from './students/trainable-weights.js';
import { type StudentTraining, type TrainedStudent, trainStudent } from './train-student.js';
import { trainingNotes } from './training-notes.js';
import { type ProgressOptions, TAUGHT, TrainingProgress } from './training-progress.js';

export interface DistillOptions extends ProgressOptions {
  readonly teacher: { readonly path: string; readonly external: readonly ExternalFile[] };
  readonly student: Model;
  /** Whether the student's weights are worth something before any training. */
  readonly pretrained: boolean;
  readonly step: Pick<DistillStep, 'loss' | 'hints' | 'training'>;
  /** The output that is distilled, which teacher and student share by name. */
  readonly output: string;
  readonly samples: Samples;
  readonly training: readonly number[];
  readonly selection: readonly number[];
  /** Whether the samples' labels are classes of the output, so that labels alone could train the student too. */
  readonly labelled: boolean;
  readonly checkpoints: CheckpointStore;
  readonly threads: number;
  /** The most that the process may hold, in bytes; batches go through the graph in parts when they would take more. */
  readonly memoryLimit?: number;
  /** Channels per block of the CPU's convolution kernels, as `blockSize` gives them. */
  readonly block?: number;
  readonly seed: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

export interface Distilled extends Omit<TrainedStudent, 'weights'> {
  readonly student: Model;
  /** The same initial weights without the teacher: trained on labels alone for as many steps, or not at all. */
  readonly baseline: Model;
  readonly baselineKind: 'labels' | 'untrained';
  readonly batchSize: number;
  readonly memory: FittingBatch;
  readonly notes: readonly string[];
}

/** Answers of the teacher that are looked at to tell probabilities from logits. */
const PROBED = 16;

/**
 * Trains a student by its teacher, and the baseline that says what the teacher was worth. Works without labels; the teacher runs over
 * the samples once.
 * @throws ServiceError unsupported_operator, unsupported_dtype, dataset_mismatch, training_diverged, model_load_failed, model_run_failed
 */
export async function distillModel(options: DistillOptions): Promise<Distilled> {
  const { samples, training: indices, selection, output, step, signal, threads } = options;
  const student = prepareStudent(options.student);
  const frozen = frozenNodes(student.graph, step.training.freeze);
  const trained = trainableWeights(student.graph, output, frozen);
  const loss = lossPlan(step.loss);
  const batchSize = samples.batch ?? Math.min(step.training.batch_size, indices.length);
  const { hints: hinted, training } = step;
  const { augment } = training;
  if (augment) await checkViews(augment, samples, indices[0] ?? 0, batchSize);
  if (hinted.length > 0)
    checkHintNames(hinted, { teacher: (await readModel(options.teacher)).graph, student: student.graph });
  const all = [...indices, ...selection];
  // What the teacher says of changed samples, or holds inside, is asked when they are shown.
  const asked = loss.teacher ? [...(augment ? indices.slice(0, PROBED) : indices), ...selection] : indices.slice(0, 1);
  const teacher = await openTeacher({
    ...{ teacher: options.teacher, output, samples, indices: asked, batch: batchSize, threads, signal },
    kept: hinted.length > 0 || (loss.teacher && Boolean(augment)),
    inner: hinted.map(({ teacher: value }) => value),
    path: join(options.scratch, 'teacher-outputs.raw'),
    progress: (fraction) => options.progress('teacher', TAUGHT * fraction, {}),
  });
  try {
    const answers = await teacher.rows(loss.teacher ? indices.slice(0, PROBED) : indices.slice(0, 1));
    const { dims } = answers;
    const probabilities = {
      student: holdsProbabilities(student.graph, output),
      teacher: loss.teacher && areProbabilities(answers),
    };
    const needsClasses = loss.labels || options.labelled;
    const count = dims.at(-1) ?? 0;
    const classes = needsClasses ? await classLabels(samples, all, count) : new Map<number, number>();
    if (needsClasses) requireLabels(classes, selection, 'selection');
    if (step.loss.kind === 'dkd') requireLabels(classes, indices, 'training with the loss dkd');
    const labelled = indices.filter((index) => classes.has(index));
    const teacherShape = (plan: LossPlan, size: number) => (plan.teacher ? [size, ...dims.slice(1)] : null);
    const extended = await withHints(hinted, student, {
      feeds: await samples.feeds(Array.from({ length: batchSize }, () => indices[0] ?? 0)),
      teacher: teacher.answers,
      seed: options.seed,
    });
    const labelShares = augment && augment.mixup > 0 ? count : undefined;
    const memory = await fitToMemory({
      ...{ ...extended, frozen, output, samples, indices, batchSize, loss, limit: options.memoryLimit },
      trained: [...trained, ...extended.maps],
      teacherShape: (size) => teacherShape(loss, size),
      labelShares,
      block: options.block ?? 1,
    });
    if (augment) await checkViews(augment, samples, indices[0] ?? 0, memory.microBatch);
    // A class beyond the last counts for nothing in a cross-entropy.
    const labels = (rows: readonly number[]) => int64s(rows.map((row) => classes.get(row) ?? count));
    const shown = (plan: LossPlan, hints: readonly Hint[]) =>
      (augment || hints.length > 0) && {
        shown: shownBatch(plan, {
          ...{ samples, augment, hints, output, seed: options.seed, classes, count, labels },
          teacher: teacher.answers,
        }),
        labelShares,
      };
    const shared: Omit<StudentTraining, 'loss' | 'run' | 'progress' | 'teacherDims' | 'indices' | 'training'> = {
      ...{ student, trained, frozen, output, batchSize, signal, threads, block: options.block ?? 1 },
      microBatch: memory.microBatch,
      keepsInitial: options.pretrained,
      heldOut: selection,
      inputs: (rows) => samples.feeds(rows),
      targets: async (rows, plan) => {
        const targets = new Map<string, Tensor>();
        if (plan.teacher) targets.set(TARGETS.teacher, await teacher.rows(rows));
        if (plan.labels) targets.set(TARGETS.labels, labels(rows));
        return targets;
      },
      checkpoints: options.checkpoints,
      seed: options.seed,
      now: options.now,
    };
    const byLabels = (loss.teacher || hinted.length > 0) && options.labelled && labelled.length > 0;
    const progress = new TrainingProgress(options, byLabels);
    const runWith = (plan: LossPlan, run: 'distill' | 'baseline', changes: Partial<StudentTraining> = {}) =>
      trainStudent({
        ...shared,
        ...(plan.teacher ? { indices, training } : onLabelledSamples(training, indices, labelled, batchSize)),
        ...shown(plan, changes.hints ?? []),
        ...changes,
        loss: plan,
        teacherDims: teacherShape(plan, memory.microBatch),
        run,
        progress: progress.of(run),
        outOfTime: () => progress.outOfTime(run),
      });
    const { weights, ...result } = await runWith(lossOfOutputs(step.loss, probabilities), 'distill', {
      student: extended.student,
      trained: [...trained, ...extended.maps],
      hints: extended.hints,
    });
    const baseline = byLabels
      ? (await runWith(lossOfOutputs({ kind: 'labels' }, probabilities), 'baseline')).weights
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
        ...(needsClasses && { labels: { labelled: labelled.length, samples: indices.length } }),
      }),
    };
  } finally {
    await teacher.close();
  }
}
