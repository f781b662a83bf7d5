import { elements, type Tensor } from '../onnx/ir/tensor.js';
import type { Optimizer, Parameters } from './optimizers/optimizer.js';

/** Weights being trained, as tensors over the same memory that the optimizer changes. */
export type Weights = ReadonlyMap<string, Tensor>;

/** One finished epoch: mean loss of its steps, and the loss on held-out samples after it. */
export interface EpochRecord {
  readonly epoch: number;
  readonly loss: number;
  readonly heldOut: number;
}

/** Where a run stands: all that the next step depends on besides the data. */
export interface TrainingState {
  epoch: number;
  /** Batches of this epoch that are done. */
  batch: number;
  /** Sum of their losses. */
  lossSum: number;
  readonly weights: Weights;
  readonly optimizer: Optimizer;
  /** Moving average of the weights, when asked for. */
  readonly average: Parameters | null;
  /** The weights of the lowest held-out loss so far. */
  best: { readonly epoch: number; readonly heldOut: number; readonly weights: Parameters } | null;
  history: EpochRecord[];
}

export const floatsOf = (tensor: Tensor): Float32Array => elements(tensor, 'float32');

export const areFinite = (weights: Weights): boolean =>
  [...weights.values()].every((tensor) => floatsOf(tensor).every(Number.isFinite));

export const copied = (weights: Weights): Map<string, Float32Array> =>
  new Map([...weights].map(([name, tensor]) => [name, Float32Array.from(floatsOf(tensor))]));

/** The state before the first step. The weights are changed in place from then on. */
export function startState(weights: Weights, optimizer: Optimizer, averages: boolean): TrainingState {
  return {
    epoch: 0,
    batch: 0,
    lossSum: 0,
    weights,
    optimizer,
    average: averages ? copied(weights) : null,
    best: null,
    history: [],
  };
}

/** The weights that are scored and kept: the moving average where there is one. */
export function scoredWeights({ weights, average }: TrainingState): Weights {
  if (average === null) return weights;
  return new Map(
    [...weights].map(([name, { dtype, dims }]) => {
      const { buffer, byteOffset, byteLength } = average.get(name) as Float32Array;
      return [name, { dtype, dims, bytes: new Uint8Array(buffer, byteOffset, byteLength) }];
    }),
  );
}
