import { cloneModel } from '../onnx/ir/clone.js';
import type { Graph, Model, Node } from '../onnx/ir/graph.js';
import { renameReads } from '../onnx/ir/rename-reads.js';
import { deadCode } from '../onnx/passes/dead-code.js';

/** A sum x + f(x) of the graph: without f it is x. */
export interface ResidualBlock {
  /** The node that adds. */
  readonly name: string;
  readonly sum: string;
  readonly skip: string;
}

/** Every value that a value is computed from, itself included. */
function sources(producers: ReadonlyMap<string, Node>, value: string): Set<string> {
  const found = new Set<string>();
  const open = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === '' || found.has(next)) continue;
    found.add(next);
    open.push(...(producers.get(next)?.inputs ?? []));
  }
  return found;
}

/**
 * The residual blocks of a graph, in its order: sums of two values of one shape, one of them computed from the other.
 * @param shapes of all values
 */
export function residualBlocks(graph: Graph, shapes: ReadonlyMap<string, readonly number[]>): ResidualBlock[] {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const shape = (value: string) => shapes.get(value)?.join() ?? value;
  return graph.nodes.flatMap((node): ResidualBlock[] => {
    const [a = '', b = ''] = node.inputs;
    const [sum = ''] = node.outputs;
    if (node.opType !== 'Add' || node.domain !== '' || a === b || outputs.has(sum) || shape(a) !== shape(b)) return [];
    const skip = sources(producers, b).has(a) ? a : sources(producers, a).has(b) ? b : undefined;
    return skip === undefined || graph.initializers.has(skip) ? [] : [{ name: node.name || sum, sum, skip }];
  });
}

/** The model with each of these blocks replaced by what goes around it. */
export function withoutBlocks(model: Model, blocks: readonly ResidualBlock[]): Model {
  const result = cloneModel(model);
  const { graph } = result;
  const replaced = new Map(blocks.map(({ sum, skip }) => [sum, skip]));
  const resolve = (value: string): string => {
    const skip = replaced.get(value);
    return skip === undefined ? value : resolve(skip);
  };
  graph.nodes = graph.nodes.filter(({ outputs: [output = ''] }) => !replaced.has(output));
  renameReads(graph, new Map([...replaced.keys()].map((sum) => [sum, resolve(sum)])));
  deadCode.run(graph);
  return result;
}
