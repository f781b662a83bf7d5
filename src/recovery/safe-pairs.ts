import { intAttribute, type Node } from '../onnx/ir/graph.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import {
  convSumOrder,
  isExactOnEveryCpu,
  LARGEST_PAIR,
  matrixSumOrder,
  pairSum,
  type SumOrder,
  summedPairs,
} from '../onnx/saturation.js';
import type { Integers } from './packed-integers.js';
import type { TrainingGraph } from './training-graph.js';

/** In which order an integer kernel sums these operators' weights. */
const SUM_ORDERS: Readonly<Record<string, (node: Node, rank: number) => SumOrder>> = {
  Conv: (_, rank) => convSumOrder(rank),
  MatMul: () => matrixSumOrder(),
  MatMulInteger: () => matrixSumOrder(),
  Gemm: (node) => matrixSumOrder(intAttribute(node, 'transB', 0) === 1),
};

/**
 * How the 16-bit sums of the integer kernel that reads a weight run, when none of them can saturate; undefined where nothing needs
 * to be kept: the kernel is float, or saturates already.
 * @param reader the node that multiplies by the weight
 */
export function safeOrder(weight: Tensor, reader: Node | undefined, { editor }: TrainingGraph): SumOrder | undefined {
  const order = reader && Object.hasOwn(SUM_ORDERS, reader.opType) ? SUM_ORDERS[reader.opType] : undefined;
  const activation = reader && editor.producer(reader.inputs[0] ?? '');
  const integer = activation?.opType === 'DequantizeLinear' || activation?.opType === 'DynamicQuantizeLinear';
  if (!reader || !order || !integer || weight.dtype !== 'int8') return undefined;
  const found = order(reader, weight.dims.length);
  return isExactOnEveryCpu(weight, found) ? found : undefined;
}

/** The same integers with the larger one of each pair that could saturate drawn towards 0, one step at a time. */
export function withSafePairs(integers: Integers, dims: readonly number[], order: SumOrder): Integers {
  const safe = integers.slice();
  for (const [first, second] of summedPairs(dims, order)) {
    for (;;) {
      const [a, b] = [safe[first] as number, safe[second] as number];
      if (!(pairSum(a, b) > LARGEST_PAIR)) break;
      const larger = Math.abs(a) >= Math.abs(b) ? first : second;
      safe[larger] = (safe[larger] as number) - Math.sign(safe[larger] as number);
    }
  }
  return safe;
}
