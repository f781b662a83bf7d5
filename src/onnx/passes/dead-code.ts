import { capturedValues } from '../ir/captured-values.js';
import type { Graph } from '../ir/graph.js';
import type { Pass } from './pass.js';

function drop<Value>(map: Map<string, Value>, kept: (name: string) => boolean): number {
  let dropped = 0;
  for (const name of [...map.keys()]) {
    if (kept(name)) continue;
    map.delete(name);
    dropped++;
  }
  return dropped;
}

/** Removes nodes, constants and recorded types that no output depends on. Inputs stay: they are the model's interface. */
export const deadCode: Pass = {
  name: 'dead_code',
  run(graph: Graph): number {
    const live = new Set(graph.outputs.map(({ name }) => name));
    const kept = graph.nodes.toReversed().filter((node) => {
      if (!node.outputs.some((output) => live.has(output))) return false;
      for (const input of node.inputs) live.add(input);
      for (const value of capturedValues(node)) live.add(value);
      return true;
    });
    const changes = graph.nodes.length - kept.length + drop(graph.initializers, (name) => live.has(name));
    graph.nodes = kept.reverse();
    drop(graph.values, (name) => live.has(name));
    return changes;
  },
};
