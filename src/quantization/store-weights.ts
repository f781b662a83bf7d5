import { capturedValues } from '../onnx/ir/captured-values.js';
import { type Attribute, type Graph, node as makeNode, type Node, subgraphs } from '../onnx/ir/graph.js';
import { elements, floats, tensor } from '../onnx/ir/tensor.js';
import type { BlockedWeights } from './blocked-weights.js';
import { prependNodes } from './names.js';
import type { Plan, Treatment } from './plan.js';
import type { RewriteOptions } from './rewriting.js';
import { storeConstants } from './store-constants.js';
import { storeInBlocks } from './store-in-blocks.js';
import { storedWeights } from './two-scales.js';
import { weightFault } from './weight-fault.js';
import { axisLayout } from './weight-layout.js';
import { type WeightOperand, weightOperands } from './weight-operands.js';
import { isWorthStoring } from './worth-storing.js';

const FLOAT32 = 1;

/** The shape that makes one scale per channel broadcast against the weight. */
function scaleShape({ tensor: { dims }, layout }: WeightOperand): number[] {
  // Recurrent weights: channels are the first two axes together.
  if (layout.axis === 0 && layout.channels !== dims[0]) return [...dims.slice(0, 2), ...dims.slice(2).map(() => 1)];
  return dims.map((dim, axis) => (axis === layout.axis ? dim : 1));
}

/** Puts int8 constants and the nodes that restore them in the place of these weights, in a graph that may be edited. */
function storeOperands(
  graph: Graph,
  operands: Iterable<WeightOperand>,
  fresh: (hint: string) => string,
  options: { readonly blocked?: BlockedWeights; readonly tables?: ReadonlySet<string> } = {},
): void {
  const shared = new Map<string, string>();
  const distinct = new Map([...operands].map((operand) => [operand.name, operand]));
  const restoring = [...distinct.values()].flatMap((operand) => {
    const { name } = operand;
    const { dims } = operand.tensor;
    if (!graph.initializers.has(name) || !isWorthStoring(operand.tensor)) return [];
    if (weightFault(operand) !== null) return [];
    const blocks = options.blocked?.stored.get(name);
    if (blocks) return storeInBlocks(graph, operand, blocks, fresh, shared);
    const weights = elements(operand.tensor, 'float32');
    const quantized = storedWeights(weights, operand.layout, { byInput: !options.tables?.has(name) });
    const [integers, scale, restored] = [fresh(`${name}_stored`), fresh(`${name}_stored_scale`), fresh(`${name}_cast`)];
    graph.initializers.delete(name);
    graph.initializers.set(integers, tensor('int8', dims, quantized.integers));
    graph.initializers.set(scale, floats(quantized.scales, scaleShape(operand)));
    const cast = makeNode('Cast', [integers], [restored], { name: `${name}_Cast`, attributes: { to: FLOAT32 } });
    if (!quantized.inputScales) return [cast, makeNode('Mul', [restored, scale], [name], { name: `${name}_Mul` })];
    const [inputScale, byInput] = [fresh(`${name}_input_scale`), fresh(`${name}_by_input`)];
    const inputShape = scaleShape(operand).map((dim, axis) => (dim === 1 ? (dims[axis] as number) : 1));
    graph.initializers.set(inputScale, floats(quantized.inputScales, inputShape));
    return [
      cast,
      makeNode('Mul', [restored, inputScale], [byInput], { name: `${byInput}_Mul` }),
      makeNode('Mul', [byInput, scale], [name], { name: `${name}_Mul` }),
    ];
  });
  prependNodes(graph, restoring);
}

/**
 * Stores the weights of nodes that stay in float as int8, and restores them by Cast and Mul under the name they had: ONNX Runtime folds
 * both when it loads the model, so the node runs as before. (DequantizeLinear before a Conv is not folded; never write that.)
 */
export function storeWeights(
  graph: Graph,
  plan: Plan,
  options: Pick<RewriteOptions, 'selected' | 'blocked'>,
  fresh: (hint: string) => string,
): void {
  const operandsOf = (wanted: Treatment) =>
    [...plan.decisions.values()]
      .filter(({ treatment }) => treatment === wanted)
      .flatMap(({ node }) => weightOperands(node, plan.graph));
  // An embedding that is also the output's matrix: with scales per row alone, both are one constant.
  const tables = new Set(operandsOf('rows').map(({ name }) => name));
  storeOperands(graph, [...operandsOf('stored'), ...recurrentWeights(plan.graph, options.selected)], fresh, { tables });
  storeOperands(graph, operandsOf('stored4'), fresh, { blocked: options.blocked });
  const halves = new Set(operandsOf('stored16').map(({ name }) => name));
  storeConstants([graph], (name) => halves.has(name), fresh);
}

const RECURRENT = ['LSTM', 'GRU', 'RNN'];

/** All nodes inside a node's branches and bodies, however deep. */
const nested = (node: Node): Node[] =>
  subgraphs(node).flatMap((inner) => inner.nodes.flatMap((each) => [each, ...nested(each)]));

/**
 * Constants that reach a recurrent operator inside a branch: exporters keep the weights outside and reorder their gates with Slice and
 * Concat in there. Their rows are the gates' units.
 */
function recurrentWeights(graph: Graph, selected: (node: Node) => boolean): WeightOperand[] {
  const holders = graph.nodes.filter((node) => {
    const recurrent = nested(node).filter((inner) => RECURRENT.includes(inner.opType));
    return recurrent.length > 0 && recurrent.every(selected);
  });
  return holders
    .flatMap((node) => [...capturedValues(node)])
    .flatMap((name) => {
      const found = graph.initializers.get(name);
      if (found?.dtype !== 'float32' || found.dims.length !== 2) return [];
      return [{ index: -1, name, tensor: found, layout: axisLayout(found.dims, 0) }];
    });
}

/** The node with the weights inside its branches and bodies stored in int8, as far as `selected` lets them. */
export function withStoredSubgraphs(
  node: Node,
  selected: (node: Node) => boolean,
  fresh: (hint: string) => string,
): Node {
  if (subgraphs(node).length === 0) return node;
  const store = (inner: Graph): Graph => {
    const nodes = inner.nodes.map((each) => withStoredSubgraphs(each, selected, fresh));
    const graph = { ...inner, nodes, initializers: new Map(inner.initializers) };
    const holders = nodes.filter((each) => each.opType !== 'Gather' && selected(each));
    storeOperands(
      graph,
      holders.flatMap((each) => weightOperands(each, inner)),
      fresh,
    );
    return graph;
  };
  const attributes = [...node.attributes].map(([name, attribute]): [string, Attribute] => {
    if (attribute.kind === 'graph') return [name, { kind: 'graph', value: store(attribute.value) }];
    if (attribute.kind === 'graphs') return [name, { kind: 'graphs', value: attribute.value.map(store) }];
    return [name, attribute];
  });
  return Object.freeze({ ...node, attributes: new Map(attributes) });
}
