import type { Graph, Node } from '../onnx/ir/graph.js';
import { weightOperands } from './weight-operands.js';
import { isWorthStoring } from './worth-storing.js';

/** Operators whose weights bear 4 bits; a recurrent layer adds its errors up over time. */
export const BEAR_FOUR_BITS = ['Conv', 'Gemm', 'MatMul'];

/** The first and the last layer keep 8 bits: one sees the input itself, the other is the answer, and both are small. */
export function endLayers(graph: Graph): Set<Node> {
  const layers = graph.nodes.filter((node) => node.opType !== 'Gather' && weightOperands(node, graph).length > 0);
  return new Set([...layers.slice(0, 1), ...layers.slice(-1)]);
}

/** Names of the nodes whose weights are to be in 4 bits when a scheme of INT8 activations stores them so: where it saves bytes. */
export function nodesInFourBits(graph: Graph): ReadonlySet<string> {
  const ends = endLayers(graph);
  const saves = (node: Node) => weightOperands(node, graph).some(({ tensor }) => isWorthStoring(tensor));
  const bearing = graph.nodes.filter((node) => BEAR_FOUR_BITS.includes(node.opType) && !ends.has(node) && saves(node));
  return new Set(bearing.map(({ name }) => name));
}
