import type { Augment } from '../contracts/augment.js';
import type { Samples } from '../datasets/samples.js';
import { floats, type Tensor } from '../onnx/ir/tensor.js';
import type { Feeds } from '../runtime/session.js';
import { mixed } from './augmentation/mixup.js';
import { type Moment, viewOf } from './augmentation/view.js';
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
 * What a step of training is fed when samples are changed before they are shown: one view of them for the student and the teacher, who is
 * asked on the spot, and labels mixed in the shares of the samples.
 */
export function shownBatch(
  loss: LossPlan,
  task: {
    readonly samples: Samples;
    readonly augment: Augment;
    readonly seed: number;
    /** The class of each sample that has one. */
    readonly classes: ReadonlyMap<number, number>;
    /** How many classes there are. */
    readonly count: number;
    teacher(feeds: Feeds): Promise<Tensor>;
    /** What samples are learned by where they are not mixed. */
    labels(rows: readonly number[]): Tensor;
  },
): (rows: readonly number[], at: Moment) => Promise<Feeds> {
  return async (rows, at) => {
    const { feeds, mix } = viewOf(await task.samples.feeds(rows), task.augment, task.seed, at);
    const batch = new Map(feeds);
    if (loss.teacher) batch.set(TARGETS.teacher, await task.teacher(feeds));
    if (loss.labels)
      batch.set(TARGETS.labels, mix ? mixed(sharesOf(rows, task.classes, task.count), mix) : task.labels(rows));
    return batch;
  };
}
