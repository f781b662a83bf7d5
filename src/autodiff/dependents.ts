import type { Graph } from '../onnx/ir/graph.js';

/** Every value that depends on one of `wanted`; nothing else needs a gradient. */
export function dependents(graph: Graph, wanted: readonly string[]): Set<string> {
  const found = new Set(wanted);
  for (const node of graph.nodes)
    if (node.inputs.some((input) => found.has(input))) for (const output of node.outputs) found.add(output);
  found.delete('');
  return found;
}
