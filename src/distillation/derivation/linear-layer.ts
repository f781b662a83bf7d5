import type { GraphEditor } from '../../onnx/ir/editor.js';
import { floatAttribute, intAttribute, type Node } from '../../onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../onnx/ir/tensor.js';

/**
 * A layer that is linear in its weights: y[g] = x[g] · W[g] + b[g] for every group g of channels. Conv has its groups, a
 * BatchNormalization one group per channel, a matrix product one.
 */
export interface LinearLayer {
  readonly node: Node;
  readonly groups: number;
  /** Numbers that one output is computed from: K of W[g], [K, M]. */
  readonly inputs: number;
  /** Outputs of one group: M. */
  readonly outputs: number;
  /** Sizes of a convolution's kernel, whose offsets are among K, the channel slower; empty for all others. */
  readonly kernel: readonly number[];
  /** Whether b can be changed too. */
  readonly biased: boolean;
  /** [g][K + 1][M], the last row b. */
  readonly initial: Float64Array;
  /** The constants that hold these W and b; a name that the graph does not have yet is a new bias of the node. */
  constants(solution: Float64Array): Map<string, Tensor>;
}

type Reader = (node: Node, editor: GraphEditor, shared: (name: string) => boolean) => LinearLayer | undefined;

/** Float weights that only this node reads. */
const own = (editor: GraphEditor, name: string, shared: (name: string) => boolean): Tensor | undefined => {
  const tensor = name === '' || shared(name) ? undefined : editor.constant(name);
  return tensor?.dtype === 'float32' ? tensor : undefined;
};

/** Copies between a layer's constants and [g][K + 1][M]: `weightAt(g, k, m)` and `g · M + m` are the places in weights and bias. */
function dense(
  node: Node,
  sizes: { groups: number; inputs: number; outputs: number; kernel: readonly number[] },
  weight: { name: string; tensor: Tensor; at(g: number, k: number, m: number): number },
  bias: { name: string; tensor: Tensor | null } | null,
): LinearLayer {
  const { groups, inputs, outputs } = sizes;
  const block = (inputs + 1) * outputs;
  const each = (visit: (place: number, g: number, k: number, m: number) => void) => {
    for (let g = 0; g < groups; g++)
      for (let k = 0; k <= inputs; k++) for (let m = 0; m < outputs; m++) visit(g * block + k * outputs + m, g, k, m);
  };
  const initial = new Float64Array(groups * block);
  const w = elements(weight.tensor, 'float32');
  const b = bias?.tensor ? elements(bias.tensor, 'float32') : null;
  each((place, g, k, m) => {
    initial[place] = (k < inputs ? w[weight.at(g, k, m)] : b?.[g * outputs + m]) ?? 0;
  });
  const constants = (solution: Float64Array) => {
    const weights = new Float32Array(elementCount(weight.tensor.dims));
    const biases = new Float32Array(groups * outputs);
    each((place, g, k, m) => {
      const value = solution[place] ?? 0;
      if (k < inputs) weights[weight.at(g, k, m)] = value;
      else biases[g * outputs + m] = value;
    });
    const found = new Map([[weight.name, floats(weights, weight.tensor.dims)]]);
    if (bias) found.set(bias.name, floats(biases, bias.tensor?.dims ?? [biases.length]));
    return found;
  };
  return { node, ...sizes, biased: bias !== null, initial, constants };
}

/** The bias operand: the one there is, a name for a new one, or null when it cannot be changed. */
function biasOf(node: Node, editor: GraphEditor, shared: (name: string) => boolean, count: number) {
  const name = node.inputs[2] ?? '';
  if (name === '') return { name: `${node.outputs[0]}_bias`, tensor: null };
  const tensor = own(editor, name, shared);
  return tensor && elementCount(tensor.dims) === count && tensor.dims.at(-1) === count ? { name, tensor } : null;
}

const conv: Reader = (node, editor, shared) => {
  const name = node.inputs[1] ?? '';
  const tensor = own(editor, name, shared);
  if (!tensor) return undefined;
  const groups = intAttribute(node, 'group', 1);
  const [total = 1, perGroup = 1, ...kernel] = tensor.dims;
  const [inputs, outputs] = [perGroup * elementCount(kernel), total / groups];
  const at = (g: number, k: number, m: number) => (g * outputs + m) * inputs + k;
  const bias = biasOf(node, editor, shared, total);
  return bias ? dense(node, { groups, inputs, outputs, kernel }, { name, tensor, at }, bias) : undefined;
};

const gemm: Reader = (node, editor, shared) => {
  const name = node.inputs[1] ?? '';
  const tensor = own(editor, name, shared);
  const plain = floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1;
  if (!tensor || !plain || intAttribute(node, 'transA', 0) === 1) return undefined;
  const transposed = intAttribute(node, 'transB', 0) === 1;
  const [first = 1, second = 1] = tensor.dims;
  const [inputs, outputs] = transposed ? [second, first] : [first, second];
  const at = (_: number, k: number, m: number) => (transposed ? m * inputs + k : k * outputs + m);
  const bias = biasOf(node, editor, shared, outputs);
  return bias ? dense(node, { groups: 1, inputs, outputs, kernel: [] }, { name, tensor, at }, bias) : undefined;
};

/** MatMul by constant weights; a vector that alone is added behind it is its bias. */
const matMul: Reader = (node, editor, shared) => {
  const name = node.inputs[1] ?? '';
  const tensor = own(editor, name, shared);
  const [inputs, outputs] = tensor?.dims ?? [];
  if (tensor?.dims.length !== 2 || inputs === undefined || outputs === undefined) return undefined;
  const sum = addedBias(node, editor);
  const found = sum && own(editor, sum.bias, shared);
  const at = (_: number, k: number, m: number) => k * outputs + m;
  const bias =
    found && elementCount(found.dims) === outputs && found.dims.at(-1) === outputs
      ? { name: sum.bias, tensor: found }
      : null;
  return dense(node, { groups: 1, inputs, outputs, kernel: [] }, { name, tensor, at }, bias);
};

/** The Add with a constant that alone reads a product. */
export function addedBias(node: Node, editor: GraphEditor): { readonly add: Node; readonly bias: string } | undefined {
  const [y = ''] = node.outputs;
  const add = editor.soleConsumer(y);
  const bias = add?.opType === 'Add' ? add.inputs.find((input) => input !== y && editor.constant(input)) : undefined;
  return add && bias !== undefined ? { add, bias } : undefined;
}

/** y = x · scale/√(variance + ε) + (shift − mean · scale/√(variance + ε)), one group per channel. */
const batchNormalization: Reader = (node, editor, shared) => {
  const names = node.inputs.slice(1);
  const [scale, shift, mean, variance] = names.map((name) => own(editor, name, shared));
  if (!scale || !shift || !mean || !variance || node.outputs.length !== 1) return undefined;
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const groups = elementCount(scale.dims);
  const [s, b, m, v] = [scale, shift, mean, variance].map((tensor) => elements(tensor, 'float32'));
  const deviation = (g: number) => Math.sqrt((v?.[g] ?? 0) + epsilon);
  const initial = new Float64Array(2 * groups);
  for (let g = 0; g < groups; g++) {
    const slope = (s?.[g] ?? 0) / deviation(g);
    initial.set([slope, (b?.[g] ?? 0) - (m?.[g] ?? 0) * slope], 2 * g);
  }
  const constants = (solution: Float64Array) => {
    const slopes = Array.from({ length: groups }, (_, g) => solution[2 * g] ?? 0);
    return new Map([
      [names[0] ?? '', floats(slopes.map((slope, g) => slope * deviation(g)))],
      [names[1] ?? '', floats(slopes.map((slope, g) => (solution[2 * g + 1] ?? 0) + (m?.[g] ?? 0) * slope))],
    ]);
  };
  return { node, groups, inputs: 1, outputs: 1, kernel: [], biased: true, initial, constants };
};

const READERS: Readonly<Record<string, Reader>> = {
  BatchNormalization: batchNormalization,
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
};

/**
 * Reads a node as a linear layer; undefined when it is none or when its weights are computed or shared.
 * @param shared whether several nodes read a constant
 */
export const linearLayer: Reader = (node, editor, shared) =>
  node.domain === '' && Object.hasOwn(READERS, node.opType) ? READERS[node.opType]?.(node, editor, shared) : undefined;
