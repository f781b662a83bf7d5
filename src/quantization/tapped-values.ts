import type { Model, Value } from '../onnx/ir/graph.js';

/** Values tapped in one pass hold at most this many bytes together, in each model that is run: memory stays bounded for any model. */
const TAP_BYTES = 32 * 2 ** 20;

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

/** The model with these float values of its main graph as its only outputs. */
export function tapped(model: Model, values: readonly string[]): Model {
  const outputs = values.map((name): Value => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: null } }));
  return { ...model, graph: { ...model.graph, outputs } };
}
