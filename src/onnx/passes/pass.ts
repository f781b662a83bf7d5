import type { Graph } from '../ir/graph.js';

/** A lossless rewrite of one graph, in place. */
export interface Pass {
  readonly name: string;
  /** Returns how many changes it made; 0 means that the graph is as it was. */
  run(graph: Graph): number;
}
