import type { Node } from '../onnx/ir/graph.js';

/** Every value that depends on one of `wanted`; nothing else needs a gradient. */
export function dependents(nodes: readonly Node[], wanted: readonly string[]): Set<string> {
  const found = new Set(wanted);
  for (const node of nodes)
    if (node.inputs.some((input) => found.has(input))) for (const output of node.outputs) found.add(output);
  found.delete('');
  return found;
}
