import { ServiceError } from '../../platform/errors.js';
import { capturedValues } from '../ir/captured-values.js';
import type { Node } from '../ir/graph.js';

/**
 * The nodes so that each stands after the makers of what it reads; the given order wherever it already is so. ONNX asks for it,
 * ONNX Runtime forgives its absence, and so files without it exist.
 * @throws ServiceError invalid_model when values depend on themselves or are made twice
 */
export function inTopologicalOrder(nodes: readonly Node[]): Node[] {
  const producers = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (producers.has(output))
        throw new ServiceError('invalid_model', `two nodes make the value ${JSON.stringify(output)}`);
      producers.set(output, index);
    }
  });
  const needs = nodes.map((node) => [
    ...new Set([...node.inputs, ...capturedValues(node)].flatMap((value) => producers.get(value) ?? [])),
  ]);
  if (needs.every((makers, index) => makers.every((maker) => maker < index))) return [...nodes];

  const waiting = needs.map((makers) => makers.length);
  const readers: number[][] = nodes.map(() => []);
  for (const [index, makers] of needs.entries()) for (const maker of makers) readers[maker]?.push(index);
  const sorted: Node[] = [];
  const ready = waiting.flatMap((count, index) => (count === 0 ? [index] : []));
  for (let next = 0; next < ready.length; next++) {
    const index = ready[next] as number;
    sorted.push(nodes[index] as Node);
    for (const reader of readers[index] ?? []) {
      waiting[reader] = (waiting[reader] as number) - 1;
      if (waiting[reader] === 0) ready.push(reader);
    }
  }
  if (sorted.length < nodes.length) {
    const stuck = nodes.find((_, index) => (waiting[index] ?? 0) > 0) as Node;
    throw new ServiceError('invalid_model', `the node ${JSON.stringify(stuck.name)} depends on its own output`, {
      node: { name: stuck.name, op_type: stuck.opType },
    });
  }
  return sorted;
}
