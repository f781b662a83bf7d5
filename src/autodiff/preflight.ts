import type { Graph } from '../onnx/ir/graph.js';
import { dependents } from './dependents.js';
import { ruleFor } from './differentiable.js';

/** What training would do with a node. */
export interface Trainability {
  readonly name: string;
  readonly op_type: string;
  /**
   * trainable: gradients flow through it; frozen: nothing that is trained lies in or before it, or the output does not depend on it;
   * refused: they would have to flow through it and cannot.
   */
  readonly status: 'trainable' | 'frozen' | 'refused';
  /** Why it is refused. */
  readonly reason?: string;
}

/** Every value that one of `outputs` depends on. */
function ancestors(graph: Graph, outputs: readonly string[]): Set<string> {
  const found = new Set(outputs);
  for (const node of [...graph.nodes].reverse())
    if (node.outputs.some((output) => found.has(output))) for (const input of node.inputs) found.add(input);
  return found;
}

/**
 * Says of every node, before anything runs, whether a training of the `trained` weights towards `outputs` gets through it.
 * @param graph in the training operator set, constants as initializers
 */
export function preflight(graph: Graph, trained: readonly string[], outputs: readonly string[]): Trainability[] {
  const live = dependents(graph.nodes, trained);
  const scored = ancestors(graph, outputs);
  return graph.nodes.map((node) => {
    const { name, opType: op_type } = node;
    const needed =
      node.inputs.some((input) => live.has(input)) &&
      node.outputs.some((output) => live.has(output) && scored.has(output));
    if (!needed) return { name, op_type, status: 'frozen' };
    const found = ruleFor(node, graph.initializers);
    return 'rule' in found
      ? { name, op_type, status: 'trainable' }
      : { name, op_type, status: 'refused', reason: found.refused };
  });
}
