import type { Node } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import type { Integers } from './packed-integers.js';
import type { TrainingGraph } from './training-graph.js';

/** A weight that a quantized graph holds as integers, and how a float graph uses the numbers that they stand for. */
export interface StoredWeight {
  /** The constants that hold the integers, each some of their bits when there are several. */
  readonly constants: readonly string[];
  readonly dims: readonly number[];
  readonly integers: Integers;
  /** What the integers may be. */
  readonly range: readonly [number, number];
  /** The nodes that a float graph has to do without; its own stand where the last of them stood. */
  readonly replaces: readonly Node[];
  /** The same arithmetic on floats; `rounded` is a value of shape `dims` that holds the integers as floats. */
  restore(rounded: string): readonly Node[];
  /** Integers as these constants hold them. */
  store(integers: Integers): readonly Tensor[];
}

/** Recognizes one way of using stored weights by the node that reads the integers. */
export type WeightForm = (node: Node, graph: TrainingGraph) => StoredWeight | undefined;
