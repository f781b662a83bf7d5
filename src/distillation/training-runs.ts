import type { Tensor } from '../onnx/ir/tensor.js';
import type { DistillOptions } from './distill-options.js';
import type { FittingBatch } from './fit-to-memory.js';
import type { HintedStudent } from './hints/plan-hints.js';
import type { KnownLabels } from './known-labels.js';
import { onLabelledSamples } from './labelled-samples.js';
import type { LossPlan } from './losses/loss-plan.js';
import type { OpenTeacher } from './open-teacher.js';
import type { DistillationPlan } from './plan-distillation.js';
import { TARGETS } from './program.js';
import { shownBatch } from './shown-batch.js';
import type { TargetShapes } from './target-shapes.js';
import { type TrainedStudent, trainStudent } from './train-student.js';
import type { TrainingProgress } from './training-progress.js';

/** The two trainings of a distillation. */
export interface TrainingRuns {
  /** The student's, with its hints. */
  distill(loss: LossPlan): Promise<TrainedStudent>;
  /** From the same initial weights without hints. */
  baseline(loss: LossPlan): Promise<TrainedStudent>;
}

/**
 * The trainings of a distillation, which share initial weights, samples, their order and the budget. One that reads labels and no teacher takes
 * the labelled samples alone, in as many steps.
 */
export function trainingRuns(
  options: DistillOptions,
  task: {
    readonly plan: DistillationPlan;
    readonly teacher: OpenTeacher;
    readonly labels: KnownLabels;
    readonly hinted: HintedStudent;
    readonly memory: FittingBatch;
    readonly shapes: TargetShapes;
    readonly progress: TrainingProgress;
  },
): TrainingRuns {
  const { samples, training: indices, selection, output, seed, signal, threads, block = 1, step } = options;
  const { plan, teacher, labels, hinted, shapes, progress } = task;
  const { student, frozen, trained, batchSize } = plan;
  const { microBatch } = task.memory;
  const { augment } = step.training;

  const run = (name: 'distill' | 'baseline', loss: LossPlan, network: HintedStudent) => {
    const { hints, maps } = network;
    const labelled = { classes: labels.classes, count: labels.count, labels: labels.of };
    const views = { samples, augment, hints, output, seed, teacher: teacher.answers, ...labelled };
    const shown = (augment || hints.length > 0) && { shown: shownBatch(loss, views), labelShares: shapes.labelShares };
    const taught = loss.teacher
      ? { indices, training: step.training }
      : onLabelledSamples(step.training, indices, labels.labelled, batchSize);
    return trainStudent({
      ...{ frozen, output, batchSize, microBatch, signal, threads, block, seed, loss },
      ...{ student: network.student, trained: [...trained, ...maps], hints, ...taught, ...shown },
      keepsInitial: options.pretrained,
      heldOut: selection,
      teacherDims: shapes.teacherShape(loss, microBatch),
      inputs: (rows) => samples.feeds(rows),
      targets: async (rows, read) => {
        const targets = new Map<string, Tensor>();
        if (read.teacher) targets.set(TARGETS.teacher, await teacher.rows(rows));
        if (read.labels) targets.set(TARGETS.labels, labels.of(rows));
        return targets;
      },
      run: name,
      checkpoints: options.checkpoints,
      progress: progress.of(name),
      outOfTime: () => progress.outOfTime(name),
      now: options.now,
    });
  };
  return {
    distill: (loss) => run('distill', loss, hinted),
    baseline: (loss) => run('baseline', loss, { student, hints: [], maps: [] }),
  };
}
