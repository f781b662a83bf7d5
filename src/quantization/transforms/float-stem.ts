import type { Graph } from '../../onnx/ir/graph.js';
import { weightOperands } from '../weight-operands.js';

/** Names of the layers that see the model's inputs themselves: no layer with weights stands before them. */
export function stemLayers(graph: Graph): string[] {
  const behindLayer = new Set<string>();
  const stem: string[] = [];
  for (const node of graph.nodes) {
    const behind = node.inputs.some((input) => behindLayer.has(input));
    const isLayer = node.opType !== 'Gather' && weightOperands(node, graph).length > 0;
    if (isLayer && !behind) stem.push(node.name);
    if (behind || isLayer) for (const output of node.outputs) behindLayer.add(output);
  }
  return stem;
}
