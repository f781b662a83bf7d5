import type { Model } from '../../onnx/ir/graph.js';
import type { NodeSelection } from '../node-selection.js';
import type { QuantizationSamples } from '../samples.js';
import type { Shapes } from '../workload.js';

/** What a rewrite of the float model may look at. */
export interface TransformContext {
  /** Cleaned up, every node with a name of its own. */
  readonly model: Model;
  /** Of every value, as one sample has them. */
  readonly shapes: Shapes;
  /** Nodes that the caller leaves out keep their weights. */
  readonly selected: NodeSelection;
  /** Whether each output channel of a weight will have a scale of its own. */
  readonly perChannel: boolean;
  readonly samples: QuantizationSamples;
  readonly calibration: readonly number[];
  readonly threads: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** The same function in FP32, written so that it loses less in INT8. */
export interface Transformed {
  readonly model: Model;
  /** Places that were changed; 0 means that the model is as it was. */
  readonly changes: number;
}

/** One way to carry a transform out; of several the best on held-out samples is taken. */
export interface Variant {
  readonly name: string;
  /** @throws the reason of the context's signal when it is aborted */
  readonly apply: () => Promise<Transformed>;
}

/** Looks at a model once and says how it could be rewritten. */
export type Transform = (context: TransformContext) => Promise<readonly Variant[]>;
