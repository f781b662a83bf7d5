import { type Graph, subgraphs } from './graph.js';

/** The graph and every graph inside it, outermost first. */
export function* graphsOf(graph: Graph): Generator<Graph> {
  yield graph;
  for (const node of graph.nodes) for (const inner of subgraphs(node)) yield* graphsOf(inner);
}
