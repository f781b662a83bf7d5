import { floatAttribute, type Graph, type Node } from '../onnx/ir/graph.js';
import { elements } from '../onnx/ir/tensor.js';
import { transposed } from '../onnx/ir/transpose.js';
import { weightOperands } from './weight-operands.js';

/** The constant matrix that a MatMul or Gemm multiplies by, as rows of N: W[k, n] = values[k · N + n]. */
export interface MatrixWeights {
  readonly name: string;
  readonly k: number;
  readonly n: number;
  readonly values: Float32Array;
  /** Factor of the product; 1 for a MatMul. */
  readonly alpha: number;
}

/** The weights of a MatMul or Gemm whose second input is a constant matrix. */
export function matrixWeights(node: Node, graph: Graph): MatrixWeights {
  const weight = weightOperands(node, graph).find((operand) => operand.index === 1);
  if (!weight) throw new Error(`${node.name} has no constant weights`);
  const isTransposed = node.opType === 'Gemm' && weight.layout.axis === 0;
  const [rows = 1, columns = 1] = weight.tensor.dims;
  const [k, n] = isTransposed ? [columns, rows] : [rows, columns];
  return {
    name: weight.name,
    k,
    n,
    values: elements(isTransposed ? transposed(weight.tensor) : weight.tensor, 'float32'),
    alpha: node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1,
  };
}
