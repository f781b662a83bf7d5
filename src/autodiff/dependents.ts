import type { Node } from '../onnx/ir/graph.js';

/** Operators that look at the sizes of a value and not at its numbers. */
const SIZES_ONLY: ReadonlySet<string> = new Set(['Shape', 'Size']);

/** Every value that depends on one of `wanted`; nothing else needs a gradient. */
export function dependents(nodes: readonly Node[], wanted: readonly string[]): Set<string> {
  const found = new Set(wanted);
  for (const node of nodes)
    if (!SIZES_ONLY.has(node.opType) && node.inputs.some((input) => found.has(input)))
      for (const output of node.outputs) found.add(output);
  found.delete('');
  return found;
}
