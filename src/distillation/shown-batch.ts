import type { Augment } from '../contracts/augment.js';
import type { Samples } from '../datasets/samples.js';
import { floats, type Tensor } from '../onnx/ir/tensor.js';
import type { Feeds } from '../runtime/session.js';
import { mixed } from './augmentation/mixup.js';
import { type Moment, viewOf } from './augmentation/view.js';
import type { Hint } from './hints/hint.js';
import type { LossPlan } from './losses/loss-plan.js';
import { TARGETS } from './program.js';

/** Classes of samples as shares [N, classes]: 1 at its class, nothing for a sample without one. */
function sharesOf(rows: readonly number[], classes: ReadonlyMap<number, number>, count: number): Tensor {
  const shares = new Float32Array(rows.length * count);
  rows.forEach((row, i) => {
    const label = classes.get(row);
    if (label !== undefined) shares[i * count + label] = 1;
  });
  return floats(shares, [rows.length, count]);
}

/**
 * What a step of training is fed when not all of it can be made beforehand: one view of the samples for the student and the teacher, who is asked
 * on the spot, the values inside the teacher that hints read, and labels mixed in the shares of the samples.
 */
export function shownBatch(
  loss: LossPlan,
  task: {
    readonly samples: Samples;
    readonly augment: Augment | null;
    readonly hints: readonly Hint[];
    readonly output: string;
    readonly seed: number;
    /** The class of each sample that has one. */
    readonly classes: ReadonlyMap<number, number>;
    /** How many classes there are. */
    readonly count: number;
    /** The teacher's output and the values inside it that hints read, by name. */
    teacher(feeds: Feeds): Promise<ReadonlyMap<string, Tensor>>;
    /** Classes of samples that are not mixed. */
    labels(rows: readonly number[]): Tensor;
  },
): (rows: readonly number[], at: Moment) => Promise<Feeds> {
  const { augment, hints } = task;
  const values = [
    ...(loss.teacher ? [{ target: TARGETS.teacher, value: task.output }] : []),
    ...hints.map(({ target, teacher: value }) => ({ target, value })),
  ];
  return async (rows, at) => {
    const given = await task.samples.feeds(rows);
    const { feeds, mix } = augment ? viewOf(given, augment, task.seed, at) : { feeds: given, mix: null };
    const batch = new Map(feeds);
    const answers: ReadonlyMap<string, Tensor> = values.length > 0 ? await task.teacher(feeds) : new Map();
    for (const { target, value } of values) {
      const answer = answers.get(value);
      if (!answer) throw new Error(`the teacher gave no ${value}`);
      batch.set(target, answer);
    }
    if (loss.labels)
      batch.set(TARGETS.labels, mix ? mixed(sharesOf(rows, task.classes, task.count), mix) : task.labels(rows));
    return batch;
  };
}
