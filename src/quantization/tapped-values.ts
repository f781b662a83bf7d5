import type { Graph, Model, Value } from '../onnx/ir/graph.js';
import { deadCode } from '../onnx/passes/dead-code.js';

/** Values tapped in one pass hold at most this many bytes together, in each model that is run: memory stays bounded for any model. */
const TAP_BYTES = 64 * 2 ** 20;

/** Values, each with the bytes that one run gives of it, in groups that fit the memory bound together; a larger one stands alone. */
export function tapGroups(values: ReadonlyMap<string, number>): string[][] {
  const result: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [value, size] of values) {
    if (bytes + size > TAP_BYTES) {
      result.push([]);
      bytes = 0;
    }
    result.at(-1)?.push(value);
    bytes += size;
  }
  return result;
}

/** A graph of its own with these outputs only, without what they do not need: ONNX Runtime would run it all the same. */
export function onlyFor(graph: Graph, outputs: readonly string[]): Graph {
  const reduced: Graph = {
    ...graph,
    outputs: outputs.map((name): Value => ({ name, type: null })),
    initializers: new Map(graph.initializers),
    values: new Map(graph.values),
  };
  deadCode.run(reduced);
  return reduced;
}

/** The model with these values of its main graph as its only outputs. */
export const tapped = (model: Model, values: readonly string[]): Model => ({
  ...model,
  graph: onlyFor(model.graph, values),
});

/**
 * Values in the order in which nodes that read them have to be appended to a graph: ONNX Runtime begins with what stands last, so each
 * value is read, and freed, as soon as it is there. Appended the other way round, all values would be held to the end.
 */
export function latestFirst(graph: Graph, values: readonly string[]): string[] {
  const position = new Map(
    graph.nodes.flatMap(({ outputs }, index) => outputs.map((output) => [output, index] as const)),
  );
  const of = (value: string) => position.get(value) ?? -1;
  return [...values].sort((a, b) => of(b) - of(a));
}
