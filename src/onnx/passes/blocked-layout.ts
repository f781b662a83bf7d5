import type { Dimension } from '../../contracts/signature.js';
import type { GraphEditor } from '../ir/editor.js';
import type { Node } from '../ir/graph.js';

/**
 * Channels that ONNX Runtime's CPU kernels keep together (NCHWc layout, MlasNchwcGetBlockSize): 16 with AVX512F, 8 on other x86,
 * 1 (no such layout) elsewhere.
 * @param instructionSets as cpuFacts names them
 */
export function blockSize(instructionSets: readonly string[]): number {
  if (instructionSets.includes('avx512f')) return 16;
  return instructionSets.some((name) => name.startsWith('avx') || name.startsWith('sse')) ? 8 : 1;
}

/** Activations that fuse into the Conv before them or keep its layout, and poolings that have kernels for it. */
const KEEP_LAYOUT = new Set([
  'AveragePool',
  'BatchNormalization',
  'Clip',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'HardSigmoid',
  'LeakyRelu',
  'MaxPool',
  'Relu',
  'Sigmoid',
  'Tanh',
]);

/** x · HardSigmoid(x), which fuses as HardSwish, and x · Sigmoid(x). */
function isGatedBy(editor: GraphEditor, node: Node, value: string): boolean {
  const gate = node.inputs.find((input) => input !== value);
  const producer = gate === undefined ? undefined : editor.producer(gate);
  return ['HardSigmoid', 'Sigmoid'].includes(producer?.opType ?? '') && producer?.inputs[0] === value;
}

/** A Conv on floats: one between Q/DQ nodes runs in an integer kernel, in another layout. */
const isFloatConv = (editor: GraphEditor, node: Node) =>
  node.opType === 'Conv' && editor.producer(node.inputs[0] ?? '')?.opType !== 'DequantizeLinear';

/**
 * Whether ONNX Runtime will hold a node's first output in its blocked layout: made by a float Conv on images whose channels fill blocks.
 * @param shapes shapes of values, as `symbolicShapes` gives them
 * @param blocked the values held so that earlier nodes make
 */
export function isBlocked(
  editor: GraphEditor,
  node: Node,
  block: number,
  shapes: ReadonlyMap<string, readonly Dimension[]>,
  blocked: ReadonlySet<string>,
): boolean {
  const shape = shapes.get(node.outputs[0] ?? '');
  const channels = shape?.[1];
  if (node.domain !== '' || shape?.length !== 4 || typeof channels !== 'number' || channels % block !== 0) return false;
  if (isFloatConv(editor, node)) return true;
  if (KEEP_LAYOUT.has(node.opType)) return blocked.has(node.inputs[0] ?? '');
  if (node.opType === 'Add') return node.inputs.every((input) => blocked.has(input));
  const gated = node.opType === 'Mul' ? node.inputs.find((input) => isGatedBy(editor, node, input)) : undefined;
  return gated !== undefined && blocked.has(gated);
}
