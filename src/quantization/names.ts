import { namesBeside } from '../onnx/ir/fresh-names.js';
import { type Graph, type Node, subgraphs } from '../onnx/ir/graph.js';

/** Every name of a value or constant in a graph and its subgraphs. */
function valueNames(graph: Graph, names: Set<string>): Set<string> {
  for (const value of graph.inputs) names.add(value.name);
  for (const name of graph.initializers.keys()) names.add(name);
  for (const node of graph.nodes) {
    for (const output of node.outputs) names.add(output);
    for (const inner of subgraphs(node)) valueNames(inner, names);
  }
  return names;
}

/** Gives names that nothing in a graph has yet: the hint itself, else the hint with a number. */
export const freshNames = (graph: Graph): ((hint: string) => string) => namesBeside(valueNames(graph, new Set()));

/** The same nodes, each with a name of its own; nameless ones are called by operator and position. */
export function withUniqueNames(nodes: readonly Node[]): Node[] {
  const taken = new Set<string>();
  return nodes.map((node, index) => {
    let name = node.name || `${node.opType}_${index}`;
    for (let i = 1; taken.has(name); i++) name = `${node.name || node.opType}_${index}_${i}`;
    taken.add(name);
    return name === node.name ? node : Object.freeze({ ...node, name });
  });
}

/** Gives names that none of these nodes has yet; ONNX Runtime refuses two nodes of one name. */
export const freshNodeNames = (nodes: readonly Node[]): ((hint: string) => string) =>
  namesBeside(new Set(nodes.map(({ name }) => name)));

/** Adds nodes at the front of a graph, under names that none of its own has; the nameless stay so. */
export function prependNodes(graph: Graph, added: readonly Node[]): void {
  const fresh = freshNodeNames(graph.nodes);
  graph.nodes.unshift(
    ...added.map((node) => (node.name === '' ? node : Object.freeze({ ...node, name: fresh(node.name) }))),
  );
}
