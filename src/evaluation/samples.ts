import type { Tensor } from '../onnx/ir/tensor.js';
import type { Feeds } from '../runtime/session.js';

/** Where evaluation samples come from; src/datasets opens them. */
export interface EvaluationSamples {
  readonly count: number;
  /** Each sample is one whole input, so the batch is 1. */
  readonly singleOnly: boolean;
  feeds(indices: readonly number[]): Promise<Feeds>;
  labels(indices: readonly number[]): Promise<Tensor | null>;
}
