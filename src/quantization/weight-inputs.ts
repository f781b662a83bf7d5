import { type Graph, intAttribute, intsAttribute, type Node, stringAttribute } from '../onnx/ir/graph.js';
import type { InputsOfWeight } from './calibration/input-products.js';
import type { WeightOperand } from './weight-operands.js';
import type { Shapes } from './workload.js';

/** The largest K whose Hessian is measured: 134 MB in float64, and its factor takes about a minute. */
const LARGEST_K = 4096;
/** Numbers in the Hessians of all groups of a node together: a depthwise layer has one of them per channel. */
const LARGEST_PRODUCTS = LARGEST_K ** 2;
/** Windows of one sample that are enough: neighbours say nearly the same. */
const ENOUGH_WINDOWS = 1024;

const product = (dims: readonly number[]) => dims.reduce((total, dim) => total * dim, 1);

/** The strides of a convolution, widened until a sample gives no more windows than are needed. */
function widenedStride(node: Node, axes: number, shapes: Shapes): number[] {
  const stride = intsAttribute(node, 'strides') ?? Array.from({ length: axes }, () => 1);
  // Padding that depends on the strides would change with them.
  if (stringAttribute(node, 'auto_pad', 'NOTSET').startsWith('SAME')) return stride;
  const positions = product((shapes.get(node.outputs[0] ?? '')?.dims ?? []).slice(2));
  const factor = Math.max(1, Math.floor((positions / ENOUGH_WINDOWS) ** (1 / axes)));
  return stride.map((each) => each * factor);
}

/** What the weights of a node are multiplied by; null where that is a constant, too wide, or not along K. */
export function inputsOfWeight(
  node: Node,
  { index, name, tensor: { dims } }: WeightOperand,
  graph: Graph,
  shapes: Shapes,
): InputsOfWeight | null {
  const value = node.inputs[0] ?? '';
  if (index !== 1 || graph.initializers.has(value)) return null;
  if (node.opType === 'Conv') {
    const k = product(dims.slice(1));
    const groups = intAttribute(node, 'group', 1);
    if (k > LARGEST_K || groups * k * k > LARGEST_PRODUCTS) return null;
    const stride = widenedStride(node, dims.length - 2, shapes);
    return { key: name, value, groups, k, convolution: { node, dims, stride } };
  }
  const transposed = node.opType === 'Gemm' && intAttribute(node, 'transA', 0) === 1;
  const k = dims[node.opType === 'Gemm' && intAttribute(node, 'transB', 0) === 1 ? 1 : 0] ?? 0;
  if (dims.length !== 2 || transposed || k > LARGEST_K) return null;
  return { key: value, value, groups: 1, k, convolution: null };
}
