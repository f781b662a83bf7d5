import type { Graph, Node } from '../onnx/ir/graph.js';
import { fitsAny } from '../onnx/name-patterns.js';

/** Whether a node keeps its weights. */
export type Frozen = (node: Node) => boolean;

export const nothingFrozen: Frozen = () => false;

/**
 * Turns `freeze` (names of nodes and weights, globs with *, operator types) into a test of nodes.
 * @throws ServiceError unknown_node when a pattern fits nothing
 */
export function frozenNodes(graph: Graph, patterns: readonly string[]): Frozen {
  if (patterns.length === 0) return nothingFrozen;
  const names = [...new Set(graph.nodes.flatMap(({ name, opType }) => [name, opType])), ...graph.initializers.keys()];
  const given = patterns.map((pattern, index) => ({ pattern, pointer: `/training/freeze/${index}` }));
  const fits = fitsAny(given, names, 'node or operator type');
  const byWeight = (input: string) => graph.initializers.has(input) && fits(input);
  return ({ name, opType, inputs }) => fits(name) || fits(opType) || inputs.some(byWeight);
}
