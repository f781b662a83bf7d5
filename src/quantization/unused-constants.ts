import { capturedValues } from '../onnx/ir/captured-values.js';
import type { Graph } from '../onnx/ir/graph.js';

/** The graph without constants that nothing reads any more; constants that are also inputs stay. */
export function withoutUnusedConstants(graph: Graph): Graph {
  const used = new Set([...graph.inputs, ...graph.outputs].map((value) => value.name));
  for (const node of graph.nodes) {
    for (const input of node.inputs) used.add(input);
    for (const captured of capturedValues(node)) used.add(captured);
  }
  return { ...graph, initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))) };
}
