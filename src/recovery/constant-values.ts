import type { Graph } from '../onnx/ir/graph.js';

/** Everything that is computed from constants alone, the constants and the absent input '' included. */
export function constantValues({ nodes, initializers }: Graph): Set<string> {
  const found = new Set(['', ...initializers.keys()]);
  for (const { inputs, outputs } of nodes)
    if (inputs.every((input) => found.has(input))) for (const output of outputs) found.add(output);
  return found;
}
