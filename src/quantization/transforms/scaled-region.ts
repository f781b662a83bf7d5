import type { GraphEditor } from '../../onnx/ir/editor.js';
import { intAttribute, intsAttribute, type Node } from '../../onnx/ir/graph.js';
import { integers } from '../../onnx/ir/tensor.js';
import { type LinearLayer, readLinearLayer } from '../../onnx/passes/linear-layer.js';
import type { Shapes } from '../workload.js';

/** f(s·x) = s·f(x) for every s > 0 per channel: what stands between two layers does not see a scale. */
const HOMOGENEOUS = new Set([
  'AveragePool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Identity',
  'LeakyRelu',
  'PRelu',
  'Relu',
]);
/** Gates that squash: they must go on seeing the numbers that they saw. */
const SQUASHING = new Set(['HardSigmoid', 'Sigmoid', 'Tanh']);

/** What lies between a layer whose output channels are scaled and the layers that take the scale back. */
export interface ScaledRegion {
  /** Layers that read scaled values: their input channels are divided by the scale. */
  readonly absorbers: readonly LinearLayer[];
  /** The scaled values that the absorbers read, which is what gets quantized. */
  readonly values: readonly string[];
  /** Readers that need the scale taken back before them: squashing gates, and HardSwish for the gate inside it. */
  readonly gates: readonly { readonly node: Node; readonly value: string }[];
}

/** A mean over positions only: ReduceMean of all axes behind the channel, which stay as ones. */
function isSpatialMean(editor: GraphEditor, node: Node): boolean {
  if (node.opType !== 'ReduceMean' || intAttribute(node, 'keepdims', 1) !== 1) return false;
  const constant = editor.constant(node.inputs[1] ?? '');
  const axes = intsAttribute(node, 'axes') ?? (constant ? integers(constant) : []);
  // Negative axes could reach the channel of a value of unknown rank.
  return axes.length > 0 && axes.every((axis) => axis >= 2);
}

/** MaxPool without indices, or one of the operators of the table. */
function isHomogeneous(editor: GraphEditor, node: Node): boolean {
  if (node.domain !== '') return false;
  if (node.opType === 'MaxPool') return node.outputs.length === 1;
  return HOMOGENEOUS.has(node.opType) || isSpatialMean(editor, node);
}

type Step = { readonly through: string } | 'absorbed' | 'gate' | 'blocked';

function step(editor: GraphEditor, node: Node, index: number, channels: number, layer?: LinearLayer): Step {
  const [output = ''] = node.outputs;
  if (layer) return index === 0 && layer.inputChannels === channels ? 'absorbed' : 'blocked';
  if (node.domain !== '') return 'blocked';
  if (index === 0 && isHomogeneous(editor, node)) return { through: output };
  if (node.opType === 'Mul' && node.inputs[0] !== node.inputs[1]) return { through: output };
  if (node.opType === 'HardSwish' || SQUASHING.has(node.opType)) return 'gate';
  return 'blocked';
}

/**
 * Follows a scale of each channel from `value` (axis 1) to the layers that can take it back; undefined when something stands in the
 * way: an Add, a Clip, a graph output, a subgraph, a reader that is no layer.
 *
 * In x·g(x) with a squashing g (SiLU, HardSwish), only the linear side carries the scale; the gate gets it taken back. In x·g(pool(x))
 * (squeeze-excite) the first layer of the gate takes it back by itself.
 */
export function scaledRegion(
  editor: GraphEditor,
  value: string,
  channels: number,
  shapes: Shapes,
): ScaledRegion | undefined {
  const absorbers = new Map<Node, LinearLayer>();
  const values = new Set<string>();
  const gates: ScaledRegion['gates'][number][] = [];
  const scaled = new Set([value]);
  const products: Node[] = [];
  for (const current of scaled) {
    if (editor.isOutput(current) || shapes.get(current)?.dims[1] !== channels) return undefined;
    for (const { node, index, nested } of editor.uses(current)) {
      const layer = nested ? undefined : readLinearLayer(editor, node);
      const found = nested ? 'blocked' : step(editor, node, index, channels, layer);
      if (found === 'blocked') return undefined;
      if (found === 'absorbed' && layer) {
        absorbers.set(node, layer);
        values.add(current);
      } else if (found === 'gate') {
        gates.push({ node, value: current });
        if (node.opType === 'HardSwish') scaled.add(node.outputs[0] ?? '');
      } else if (typeof found === 'object') {
        scaled.add(found.through);
        if (node.opType === 'Mul') products.push(node);
      }
    }
  }
  // A product of two scaled values would carry the scale twice.
  const twice = products.some(({ inputs }) => inputs.every((input) => scaled.has(input)));
  if (twice || absorbers.size === 0) return undefined;
  return { absorbers: [...absorbers.values()], values: [...values], gates };
}
