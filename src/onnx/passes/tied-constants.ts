import { type Graph, intsAttribute, node as makeNode, type Node } from '../ir/graph.js';
import { BITS, type Tensor } from '../ir/tensor.js';
import { isMatrix, transposed } from '../ir/transpose.js';
import type { Pass } from './pass.js';

/** Below this many bytes the Transpose that makes one constant of another takes as much as it saves. */
const LEAST_TIED_BYTES = 4096;

/** A sum of the bytes at each place of an element: equal for a matrix and its transpose. */
function checksum({ dtype, bytes }: Tensor): string {
  const width = BITS[dtype] / 8;
  const sums = new Float64Array(width);
  for (let i = 0; i < bytes.length; i++) (sums[i % width] as number) += bytes[i] as number;
  return sums.join(' ');
}

/** Large constant matrices that are another one's transpose, each with that other one; each is in one pair at most. */
export function transposedPairs(graph: Graph): ReadonlyMap<string, string> {
  const fixed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const matrices = [...graph.initializers].filter(
    ([name, tensor]) => isMatrix(tensor) && tensor.bytes.byteLength >= LEAST_TIED_BYTES && !fixed.has(name),
  );
  const shape = ({ dtype, dims }: Tensor, [rows = 0, columns = 0] = dims) => `${dtype} ${rows} ${columns}`;
  const counts = new Map<string, number>();
  for (const [, tensor] of matrices) counts.set(shape(tensor), (counts.get(shape(tensor)) ?? 0) + 1);
  const pairs = new Map<string, string>();
  const waiting = new Map<string, { readonly name: string; readonly tensor: Tensor }>();
  for (const [name, tensor] of matrices) {
    const turned = shape(tensor, tensor.dims.toReversed());
    const partners = (counts.get(turned) ?? 0) - (turned === shape(tensor) ? 1 : 0);
    if (partners === 0) continue;
    const sum = checksum(tensor);
    const other = waiting.get(`${turned} ${sum}`);
    if (other && Buffer.compare(transposed(tensor).bytes, other.tensor.bytes) === 0) {
      pairs.set(name, other.name).set(other.name, name);
      waiting.delete(`${turned} ${sum}`);
    } else waiting.set(`${shape(tensor)} ${sum}`, { name, tensor });
  }
  return pairs;
}

/**
 * A matrix that is stored twice, once transposed, is stored once: what a product multiplies is kept, the other one (a table of look-ups)
 * is made of it by a Transpose, which ONNX Runtime folds when it loads the model.
 */
export const tieTransposed: Pass = {
  name: 'tie_transposed',
  run(graph: Graph): number {
    const lookedUp = new Set(graph.nodes.filter(({ opType }) => opType === 'Gather').map(({ inputs }) => inputs[0]));
    const made: Node[] = [];
    for (const [name, other] of transposedPairs(graph)) {
      const isKept = !graph.initializers.has(other) || (lookedUp.has(other) && !lookedUp.has(name));
      if (isKept) continue;
      graph.initializers.delete(name);
      made.push(makeNode('Transpose', [other], [name], { name: `${name}_Transpose`, attributes: { perm: [1, 0] } }));
    }
    graph.nodes = [...made, ...graph.nodes];
    return made.length;
  },
};

/** The graph with every Transpose of a constant matrix carried out, however many bytes that takes: constants are what can be quantized. */
export function withTransposedConstants(graph: Graph): Graph {
  const fixed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const [from = ''] = node.inputs;
    const [to = ''] = node.outputs;
    const tensor = initializers.get(from);
    if (node.opType !== 'Transpose' || node.domain !== '' || !tensor || !isMatrix(tensor)) return true;
    if (`${intsAttribute(node, 'perm') ?? [1, 0]}` !== '1,0' || fixed.has(from) || fixed.has(to)) return true;
    initializers.set(to, transposed(tensor));
    return false;
  });
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, initializers };
}
