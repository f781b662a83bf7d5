import type { Graph } from '../onnx/ir/graph.js';
import { intAttribute, type Node } from '../onnx/ir/graph.js';
import type { IntegerArithmetic } from './plan.js';
import { type WeightOperand, weightOperands } from './weight-operands.js';
import type { Workload } from './what-pays.js';

/** Sizes of values as one run showed them. */
export type Shapes = ReadonlyMap<string, { readonly dims: readonly number[] }>;

const MATRICES: Readonly<Record<IntegerArithmetic, Workload['kind']>> = {
  static: 'static_matrix',
  dynamic: 'dynamic_matrix',
  weights8: 'weights8_matrix',
  weights4: 'weights4_matrix',
};

const product = (dims: readonly number[]) => dims.reduce((total, dim) => total * dim, 1);

/** Layers that see the input itself: their error is felt by all others, and they gain nothing. */
const FEW_CHANNELS = 8;

function convolution(node: Node, { tensor: { dims } }: WeightOperand, shapes: Shapes): Workload {
  const [n = 1, channels = 1, ...kernel] = dims;
  const output = shapes.get(node.outputs[0] ?? '')?.dims;
  const positions = product(kernel);
  const few = intAttribute(node, 'group', 1) > 1 || channels < FEW_CHANNELS;
  return {
    kind: few ? 'few_channels' : kernel.length === 1 ? 'sequence' : positions === 1 ? 'pointwise' : 'convolution',
    k: channels * positions,
    n,
    rows: output ? product(output.slice(2)) * (output[0] ?? 1) : null,
  };
}

function matrix(node: Node, weight: WeightOperand, shapes: Shapes, kind: Workload['kind']): Workload {
  const input = shapes.get(node.inputs[0] ?? '')?.dims;
  return { kind, k: weight.layout.k, n: weight.layout.channels, rows: input ? product(input.slice(0, -1)) : null };
}

/**
 * How much arithmetic a node does with its constant weights, for the table of what pays; null when it is no Conv, MatMul or Gemm with
 * weights as its second input.
 */
export function workload(node: Node, graph: Graph, shapes: Shapes, arithmetic: IntegerArithmetic): Workload | null {
  const weight = weightOperands(node, graph).find((operand) => operand.index === 1);
  if (!weight) return null;
  if (node.opType === 'Conv') return convolution(node, weight, shapes);
  if (node.opType !== 'MatMul' && node.opType !== 'Gemm') return null;
  return matrix(node, weight, shapes, MATRICES[arithmetic]);
}
