import type { Graph, Node } from '../onnx/ir/graph.js';

/** Operators that give their input another shape without a copy. */
const ALIASES: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity']);

/**
 * The most bytes that values of a graph take at once when its nodes run in order: a value lives from the node that makes it to the last one that
 * reads it, outputs to the end. Inputs and constants, which lie elsewhere, do not count.
 * @param bytesOf of every value
 */
export function liveBytes(graph: Graph, bytesOf: (value: string) => number): number {
  const { nodes } = graph;
  const owner = owners(graph);
  const lastUse = new Map<string, number>();
  nodes.forEach(({ inputs }, i) => {
    for (const input of inputs) lastUse.set(owner(input), i);
  });
  for (const { name } of graph.outputs) lastUse.set(owner(name), nodes.length);
  const ending = new Map<number, string[]>();
  for (const [value, i] of lastUse) ending.set(i, [...(ending.get(i) ?? []), value]);

  const living = new Map<string, number>();
  let [now, most] = [0, 0];
  nodes.forEach((node, i) => {
    for (const output of made(node)) {
      const bytes = owner(output) === output ? bytesOf(output) : 0;
      living.set(output, bytes);
      now += bytes;
    }
    most = Math.max(most, now);
    for (const value of ending.get(i) ?? []) {
      now -= living.get(value) ?? 0;
      living.delete(value);
    }
  });
  return most;
}

const made = ({ outputs }: Node) => outputs.filter((output) => output !== '');

/** The value whose memory a value lies in. */
function owners({ nodes }: Graph): (value: string) => string {
  const sources = new Map<string, string>();
  const owner = (value: string): string => sources.get(value) ?? value;
  for (const { opType, inputs, outputs } of nodes)
    if (ALIASES.has(opType)) sources.set(outputs[0] ?? '', owner(inputs[0] ?? ''));
  return owner;
}
