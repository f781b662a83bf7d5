import { capturedValues } from '../ir/captured-values.js';
import { type Graph, type Model, type Node, subgraphs } from '../ir/graph.js';
import type { Tensor } from '../ir/tensor.js';
import { makesTensors } from '../ir/tensor-operators.js';
import type { RunModel } from '../shapes/record-shapes.js';

/** Never folded: random draws, and the unfolding of quantized weights, whose small form is the point. */
const NOT_FOLDED = new Set([
  'Bernoulli',
  'DequantizeLinear',
  'Multinomial',
  'QuantizeLinear',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);
/** A folded constant may always have this many bytes; a larger one must not be larger than what it is computed from. */
const SMALL_BYTES = 64 * 1024;

const isFoldable = (node: Node) =>
  node.domain === '' && makesTensors(node) && !NOT_FOLDED.has(node.opType) && subgraphs(node).length === 0;

/** The nodes that depend on constants alone, in order. */
function constantNodesOf(graph: Graph): Node[] {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const known = new Set([...graph.initializers.keys()].filter((name) => !inputs.has(name)));
  return graph.nodes.filter((node) => {
    const constant = node.inputs.every((input) => input === '' || known.has(input));
    if (!constant || !isFoldable(node) || node.outputs.some((output) => outputs.has(output))) return false;
    for (const output of node.outputs) known.add(output);
    return true;
  });
}

/** Bytes of all constants that each value is computed from. */
function sourceBytes(graph: Graph, nodes: readonly Node[]): (value: string) => number {
  const sources = new Map<string, ReadonlySet<string>>();
  const of = (value: string) => sources.get(value) ?? new Set(graph.initializers.has(value) ? [value] : []);
  for (const node of nodes) {
    const all = new Set(node.inputs.flatMap((input) => [...of(input)]));
    for (const output of node.outputs) sources.set(output, all);
  }
  return (value) =>
    [...of(value)].reduce((sum, name) => sum + (graph.initializers.get(name)?.bytes.byteLength ?? 0), 0);
}

/** Computes everything in the main graph that depends on constants alone, once, by the runtime that would compute it on each load. */
export async function foldConstants(model: Model, run: RunModel): Promise<number> {
  const { graph } = model;
  const nodes = constantNodesOf(graph);
  if (nodes.length === 0) return 0;
  const inside = new Set(nodes);
  const read = new Set(
    graph.nodes.filter((node) => !inside.has(node)).flatMap((node) => [...node.inputs, ...capturedValues(node)]),
  );
  const wanted = nodes.flatMap(({ outputs }) => outputs.filter((output) => output !== '' && read.has(output)));
  if (wanted.length === 0) return 0;
  const needed = new Set(nodes.flatMap(({ inputs }) => inputs));
  const constants: Model = {
    ...model,
    functions: [],
    graph: {
      name: 'constants',
      nodes,
      inputs: [],
      outputs: wanted.map((name) => ({ name, type: null })),
      initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
      values: new Map(),
    },
  };
  const bytesBehind = sourceBytes(graph, nodes);
  const fits = ([name, { bytes }]: readonly [string, Tensor]) =>
    bytes.byteLength <= SMALL_BYTES || bytes.byteLength <= bytesBehind(name);
  const folded = new Map([...(await run(constants, wanted))].filter(fits));
  const before = graph.nodes.length;
  graph.nodes = graph.nodes.filter(
    (node) =>
      !inside.has(node) ||
      !node.outputs.every((output) => folded.has(output) || !read.has(output)) ||
      !node.outputs.some((output) => folded.has(output)),
  );
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  for (const [name, tensor] of folded) if (!made.has(name)) graph.initializers.set(name, tensor);
  return before - graph.nodes.length;
}
