import type { GraphEditor } from '../ir/editor.js';
import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from '../ir/graph.js';
import { floats, type Tensor } from '../ir/tensor.js';
import { floatConstant } from './float-constant.js';

/** Conv, ConvTranspose or Gemm with constant float32 weights, seen as a map from input channels to output channels (axis 1). */
export interface LinearLayer {
  readonly node: Node;
  readonly weight: Tensor;
  readonly data: Float32Array;
  readonly bias: Float32Array | null;
  /** Dimensions of its output. */
  readonly rank: number;
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** The input channel of a position in the weights, and its output channel. */
  readonly inputAt: (position: number) => number;
  readonly outputAt: (position: number) => number;
}

/** Reads a node as a linear layer; undefined when it is none, or when its weights or bias are computed. */
export function readLinearLayer(editor: GraphEditor, node: Node | undefined): LinearLayer | undefined {
  if (node?.domain !== '' || !['Conv', 'ConvTranspose', 'Gemm'].includes(node.opType)) return undefined;
  const [, weightName, biasName = ''] = node.inputs;
  const weight = editor.constant(weightName ?? '');
  const data = floatConstant(editor, weightName);
  const bias = biasName === '' ? null : floatConstant(editor, biasName);
  if (!weight || !data || bias === undefined) return undefined;
  const [first = 1, second = 1] = weight.dims;
  const common = { node, weight, data, bias, rank: weight.dims.length };
  if (node.opType === 'Gemm') {
    const transposed = intAttribute(node, 'transB', 0) === 1;
    const [inputs, outputs] = transposed ? [second, first] : [first, second];
    const plain = floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
    const perOutput = bias === null || (bias.length === outputs && editor.constant(biasName)?.dims.at(-1) === outputs);
    if (!plain || !perOutput || intAttribute(node, 'transA', 0) === 1) return undefined;
    const row = (position: number) => Math.floor(position / second);
    const column = (position: number) => position % second;
    const [inputAt, outputAt] = transposed ? [column, row] : [row, column];
    return { ...common, inputChannels: inputs, outputChannels: outputs, inputAt, outputAt };
  }
  const group = intAttribute(node, 'group', 1);
  const kernel = data.length / (first * second);
  // Conv weights are [outputs, inputs/group, …], ConvTranspose weights [inputs, outputs/group, …].
  const outerAt = (position: number) => Math.floor(position / (kernel * second));
  const groupedAt = (position: number) =>
    Math.floor(outerAt(position) / (first / group)) * second + (Math.floor(position / kernel) % second);
  const [outer, grouped] = [first, second * group];
  return node.opType === 'Conv'
    ? { ...common, inputChannels: grouped, outputChannels: outer, inputAt: groupedAt, outputAt: outerAt }
    : { ...common, inputChannels: outer, outputChannels: grouped, inputAt: outerAt, outputAt: groupedAt };
}

/** Layers that may share a weight which folding gives to each of them anew: heads of detectors share with five levels. */
const MOST_COPIES = 16;

/** Whether the layer's weight may be scaled: where very many nodes read it, a copy for each would multiply the model. */
export const mayScale = (editor: GraphEditor, { node }: LinearLayer): boolean =>
  editor.useCount(node.inputs[1] ?? '') <= MOST_COPIES;

/** Whether every output element sums over the whole kernel: no zero that padding put there takes part. */
export function isUnpadded(node: Node): boolean {
  if (node.opType === 'Gemm') return true;
  const padding = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (padding === 'VALID') return true;
  return padding === 'NOTSET' && (intsAttribute(node, 'pads') ?? []).every((pad) => pad === 0);
}

/** The node with other weights and bias, as fresh constants; weights that are the layer's own stay the same constant. */
export function withWeights(
  editor: GraphEditor,
  layer: LinearLayer,
  data: Float32Array,
  bias: Float64Array | null,
): Node {
  const [input = '', weightName = '', biasName = ''] = layer.node.inputs;
  const weight =
    data === layer.data ? weightName : editor.addConstant(`${weightName}_folded`, floats(data, layer.weight.dims));
  const biases =
    bias === null
      ? []
      : [editor.addConstant(`${biasName === '' ? `${weightName}_bias` : biasName}_folded`, floats(bias))];
  return Object.freeze({ ...layer.node, inputs: [input, weight, ...biases] });
}
