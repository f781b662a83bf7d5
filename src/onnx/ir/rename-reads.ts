import { type Graph, subgraphs } from './graph.js';

/**
 * Lets every reader of a key of `names` read its value instead: nodes, deeper subgraphs where no inner value hides the name, and
 * subgraph outputs that pass an outer value on. The graph's own outputs keep their names.
 */
export function renameReads(graph: Graph, names: ReadonlyMap<string, string>): void {
  if (names.size === 0) return;
  const renamed = (name: string) => names.get(name) ?? name;
  graph.nodes = graph.nodes.map((node) => {
    for (const inner of subgraphs(node)) renameCaptured(inner, names);
    return node.inputs.some((input) => names.has(input))
      ? Object.freeze({ ...node, inputs: node.inputs.map(renamed) })
      : node;
  });
}

function renameCaptured(graph: Graph, names: ReadonlyMap<string, string>): void {
  const visible = new Map(names);
  for (const name of graph.initializers.keys()) visible.delete(name);
  for (const { name } of graph.inputs) visible.delete(name);
  for (const node of graph.nodes) for (const output of node.outputs) visible.delete(output);
  renameReads(graph, visible);
  graph.outputs = graph.outputs.map((output) => ({ ...output, name: visible.get(output.name) ?? output.name }));
}
