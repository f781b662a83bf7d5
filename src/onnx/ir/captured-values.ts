import { type Graph, type Node, subgraphs } from './graph.js';

/** Every outer value that a graph reads: by its nodes, by deeper subgraphs, or as an output that it only passes on. */
function capturedBy(graph: Graph): Set<string> {
  const own = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map((value) => value.name)]);
  for (const node of graph.nodes) for (const output of node.outputs) own.add(output);
  const captured = new Set<string>();
  const read = (name: string) => {
    if (name !== '' && !own.has(name)) captured.add(name);
  };
  for (const node of graph.nodes) {
    node.inputs.forEach(read);
    for (const inner of subgraphs(node)) capturedBy(inner).forEach(read);
  }
  for (const output of graph.outputs) read(output.name);
  return captured;
}

/** The values of surrounding graphs that the node's subgraphs read. */
export const capturedValues = (node: Node): Set<string> =>
  new Set(subgraphs(node).flatMap((inner) => [...capturedBy(inner)]));
