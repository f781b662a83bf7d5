import type { Node } from '../onnx/ir/graph.js';
import type { Emitter } from './emitter.js';

/** What a gradient rule is given for one forward node. */
export interface RuleCall {
  readonly node: Node;
  /** Gradient of the loss by the node's first output. */
  readonly gradient: string;
  /** Gradients by all outputs; undefined where nothing flows back. */
  readonly gradients: readonly (string | undefined)[];
  readonly emit: Emitter;
  /** Whether anybody wants the gradient by input `index`: a rule need not make the others. */
  needs(index: number): boolean;
  /**
   * Gradients by `wanted` through nodes that the rule itself emitted, with all their shapes stated: for operators that are many others in one.
   * @param seeds gradients by values that these nodes make
   */
  through(
    nodes: readonly Node[],
    seeds: ReadonlyMap<string, string>,
    wanted: readonly string[],
  ): ReadonlyMap<string, string>;
}

/** Gradients by the node's inputs, in their order; undefined for those not wanted or not differentiable. */
export type GradientRule = (call: RuleCall) => readonly (string | undefined)[];

/** Rules by operator of the standard domain (opset 18). */
export type RuleTable = Readonly<Record<string, GradientRule>>;
