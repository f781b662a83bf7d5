/** Weights and gradients by name; an optimizer changes the weights in place, which ONNX Runtime reads without a copy. */
export type Parameters = ReadonlyMap<string, Float32Array>;

export interface Optimizer {
  /** One update. `learningRate` is the schedule's value at this step. */
  step(weights: Parameters, gradients: Parameters, learningRate: number): void;
  /** Everything that the next step depends on, for a checkpoint. */
  readonly state: Parameters;
  /** Updates made so far; set it when restoring a checkpoint. */
  steps: number;
}

/** Weight decay is for matrices and kernels; biases and normalization parameters, which are vectors, go without. */
export type Decays = (weight: string) => boolean;
