import { type Graph, intAttribute, type Node } from '../onnx/ir/graph.js';
import { elementCount, type Tensor } from '../onnx/ir/tensor.js';
import { axisLayout, convLayout, matrixLayout, type WeightLayout } from './weight-layout.js';

/** A constant float32 input of a node that holds weights, and how it is laid out. */
export interface WeightOperand {
  readonly index: number;
  readonly name: string;
  readonly tensor: Tensor;
  readonly layout: WeightLayout;
}

interface OperatorWeights {
  /** Inputs that may hold weights. */
  readonly inputs: readonly number[];
  readonly layout: (dims: readonly number[], node: Node) => WeightLayout;
}

/** Scales of recurrent weights [directions, gates · hidden, inputs] run along the first two axes together. */
const recurrent = (dims: readonly number[]) => axisLayout([(dims[0] ?? 1) * (dims[1] ?? 1), dims[2] ?? 1], 0);

/** The operators whose weights make up a model's size. Everything else keeps its constants as they are. */
const OPERATORS: Readonly<Record<string, OperatorWeights>> = {
  Conv: { inputs: [1], layout: convLayout },
  ConvTranspose: { inputs: [1], layout: (dims) => axisLayout(dims, 1) },
  MatMul: { inputs: [0, 1], layout: (dims) => axisLayout(dims, dims.length - 1) },
  Gemm: { inputs: [1], layout: (dims, node) => matrixLayout(dims, intAttribute(node, 'transB', 0) === 1) },
  LSTM: { inputs: [1, 2], layout: recurrent },
  GRU: { inputs: [1, 2], layout: recurrent },
  RNN: { inputs: [1, 2], layout: recurrent },
  Gather: { inputs: [0], layout: (dims) => axisLayout(dims, 0) },
};

export const hasWeights = (node: Node): boolean => node.domain === '' && Object.hasOwn(OPERATORS, node.opType);

/** The float32 weights of a node that are constants of the graph; none for operators without weights. */
export function weightOperands(node: Node, graph: Graph): WeightOperand[] {
  const operator = hasWeights(node) ? OPERATORS[node.opType] : undefined;
  if (!operator) return [];
  return operator.inputs.flatMap((index) => {
    const name = node.inputs[index] ?? '';
    const tensor = graph.initializers.get(name);
    const overridable = graph.inputs.some((input) => input.name === name);
    if (tensor?.dtype !== 'float32' || overridable || tensor.dims.length < 2 || elementCount(tensor.dims) === 0)
      return [];
    return [{ index, name, tensor, layout: operator.layout(tensor.dims, node) }];
  });
}
