import { floatAttribute, type Graph, type Node } from '../onnx/ir/graph.js';
import { elements } from '../onnx/ir/tensor.js';
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

/** The transpose of a row-major matrix. */
function transposed(weights: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(weights.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = weights[row * columns + column] as number;
    }
  }
  return result;
}

/** The weights of a MatMul or Gemm whose second input is a constant matrix. */
export function matrixWeights(node: Node, graph: Graph): MatrixWeights {
  const weight = weightOperands(node, graph).find((operand) => operand.index === 1);
  if (!weight) throw new Error(`${node.name} has no constant weights`);
  const isTransposed = node.opType === 'Gemm' && weight.layout.axis === 0;
  const [rows = 1, columns = 1] = weight.tensor.dims;
  const [k, n] = isTransposed ? [columns, rows] : [rows, columns];
  const values = elements(weight.tensor, 'float32');
  return {
    name: weight.name,
    k,
    n,
    values: isTransposed ? transposed(values, rows, columns) : values,
    alpha: node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1,
  };
}
