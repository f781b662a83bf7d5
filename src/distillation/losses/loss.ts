import type { Emitter } from '../../autodiff/emitter.js';

/** What a loss may be made of, by the names of values of the training graph. */
export interface LossInputs {
  /** The student's scored output: logits [N, C], or any shape for regression and embeddings. */
  readonly student: string;
  /** The teacher's output for the same samples, when the loss needs it. */
  readonly teacher: string;
  /** int64 [N] class indices, or the shares of all classes [N, C], when the loss needs them. */
  readonly labels: string;
  readonly labelsAre: 'classes' | 'shares';
  /** Shape of the student's output at the training batch. */
  readonly dims: readonly number[];
}

/**
 * A loss as an expression of the training graph: emits forward nodes, returns the scalar. Its gradient comes from the same rules as
 * every other operator's, so value and gradient cannot disagree.
 */
export type Loss = (emit: Emitter, inputs: LossInputs) => string;

/** Mean over the samples of per-sample values [N] or [N, 1]. */
export const overSamples = (emit: Emitter, values: string): string => emit.op('ReduceMean', [values], { keepdims: 0 });

/** Sum over the last axis. */
export const overClasses = (emit: Emitter, values: string): string => emit.sum(values, [-1], false);
