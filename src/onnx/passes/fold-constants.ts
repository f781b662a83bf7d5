import { capturedValues } from '../ir/captured-values.js';
import { type Graph, type Model, type Node, subgraphs } from '../ir/graph.js';
import type { Tensor } from '../ir/tensor.js';
import { makesTensors } from '../ir/tensor-operators.js';
import type { RunModel } from '../shapes/record-shapes.js';
import { constantGroups } from './constant-groups.js';

/** Never folded: random draws, and the unfolding of quantized weights, whose small form is the point. */
const NOT_FOLDED = new Set([
  'Bernoulli',
  'DequantizeLinear',
  'Dropout',
  'Multinomial',
  'QuantizeLinear',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);
/** A folded constant may always have this many bytes; a larger one must not be larger than the constants that it takes the place of. */
const SMALL_BYTES = 64 * 1024;
/** What all folded constants together may add to a model: masks and positions of a few small networks. */
const MOST_GROWTH_BYTES = 1024 * 1024;

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

const isSmall = ({ bytes }: Tensor) => bytes.byteLength <= SMALL_BYTES;

/** Large values that are, with all that is made of the same constants, no larger than those of them that nothing else reads. */
function inPlaceOfOthers(
  graph: Graph,
  nodes: readonly Node[],
  read: ReadonlySet<string>,
  computed: ReadonlyMap<string, Tensor>,
): ReadonlySet<string> {
  const bytesOf = (tensor: Tensor | undefined) => tensor?.bytes.byteLength ?? 0;
  const isLarge = (name: string) => bytesOf(graph.initializers.get(name)) > SMALL_BYTES;
  const groups = constantGroups(graph, nodes, isLarge).map(({ sources, made }) => {
    const freed = [...sources].filter((name) => !read.has(name)).map((name) => bytesOf(graph.initializers.get(name)));
    const wanted = [...made].filter((name) => bytesOf(computed.get(name)) > SMALL_BYTES);
    const needed = wanted.map((name) => bytesOf(computed.get(name)));
    const sum = (bytes: readonly number[]) => bytes.reduce((total, each) => total + each, 0);
    return sum(needed) <= sum(freed) ? wanted : [];
  });
  return new Set(groups.flat());
}

/** Bytes that storing these values adds, less those of the constants that nothing reads any more. */
function growth(graph: Graph, nodes: readonly Node[], read: ReadonlySet<string>, made: ReadonlyMap<string, Tensor>) {
  const live = new Set([...read].filter((value) => !made.has(value)));
  for (const node of nodes.toReversed()) {
    if (node.outputs.some((output) => live.has(output))) for (const input of node.inputs) live.add(input);
  }
  const sources = new Set(nodes.flatMap(({ inputs }) => inputs));
  const gone = [...sources].filter((name) => !live.has(name));
  const bytes = (tensors: readonly (Tensor | undefined)[]) =>
    tensors.reduce((sum, tensor) => sum + (tensor?.bytes.byteLength ?? 0), 0);
  return bytes([...made.values()]) - bytes(gone.map((name) => graph.initializers.get(name)));
}

/** Those of the computed values that make the model larger by no more than `allowance` bytes. */
function affordable(
  graph: Graph,
  nodes: readonly Node[],
  read: ReadonlySet<string>,
  computed: ReadonlyMap<string, Tensor>,
  allowance: number,
): ReadonlyMap<string, Tensor> {
  const inPlace = inPlaceOfOthers(graph, nodes, read, computed);
  const fitting = new Map([...computed].filter(([name, each]) => isSmall(each) || inPlace.has(name)));
  if (growth(graph, nodes, read, fitting) <= allowance) return fitting;
  let left = allowance;
  return new Map(
    [...fitting].filter(([, each]) => {
      if (!isSmall(each) || each.bytes.byteLength > left) return false;
      left -= each.bytes.byteLength;
      return true;
    }),
  );
}

const constantBytes = ({ initializers }: Graph): number =>
  [...initializers.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

/** Bytes that the constants of a graph may have after any number of rounds of folding. */
export const mostFolded = (graph: Graph): number => constantBytes(graph) + MOST_GROWTH_BYTES;

/**
 * Computes what depends on constants alone in the main graph, once, by the runtime that would compute it on each load. A large constant
 * that stays in use elsewhere (an embedding that is also, transposed, the output's weights) is not stored a second time.
 * @param mostBytes what all constants together may have afterwards, from `mostFolded` of the model as it was at first
 */
export async function foldConstants(model: Model, run: RunModel, mostBytes: number): Promise<number> {
  const { graph } = model;
  const nodes = constantNodesOf(graph);
  if (nodes.length === 0) return 0;
  const inside = new Set(nodes);
  const read = new Set([
    ...graph.nodes.filter((node) => !inside.has(node)).flatMap((node) => [...node.inputs, ...capturedValues(node)]),
    ...graph.outputs.map(({ name }) => name),
  ]);
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
  const allowance = Math.max(0, mostBytes - constantBytes(graph));
  const folded = affordable(graph, nodes, read, await run(constants, wanted), allowance);
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
