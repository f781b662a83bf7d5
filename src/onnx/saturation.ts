import { elements, type Tensor } from './ir/tensor.js';

/**
 * Largest sum of two weights of one sign whose products with the largest activation, 255, fit a signed 16-bit sum:
 * 255 · 128 = 32,640 <= 32,767, and 255 · 129 does not.
 */
export const LARGEST_PAIR = 128;

/** The larger of the two sums that a pair of weights can make with activations that are never negative: of the positive ones or of the negative. */
export const pairSum = (first: number, second: number): number =>
  Math.max(Math.max(first, 0) + Math.max(second, 0), Math.max(-first, 0) + Math.max(-second, 0));

/** How a weight's elements follow one another in the sum that makes one output: the axes of K, outermost first, and the output axis. */
export interface SumOrder {
  readonly output: number;
  readonly summed: readonly number[];
}

/** Conv weights [output channels, input channels per group, ...kernel]: ONNX Runtime sums over the kernel with channels innermost. */
export const convSumOrder = (rank: number): SumOrder => ({
  output: 0,
  summed: [...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1],
});

/** MatMul weights [K, N], and Gemm's unless `transposed`, then [N, K]. */
export const matrixSumOrder = (transposed = false): SumOrder =>
  transposed ? { output: 0, summed: [1] } : { output: 1, summed: [0] };

/** Where the weights of an output lie in memory: at output · stride + offset, the offsets in the order in which they are summed. */
function sumOffsets(dims: readonly number[], { output, summed }: SumOrder) {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, dim) => product * dim, 1));
  let offsets = [0];
  for (const axis of summed) {
    const steps = Array.from({ length: dims[axis] ?? 1 }, (_, i) => i * (strides[axis] as number));
    offsets = offsets.flatMap((offset) => steps.map((step) => offset + step));
  }
  return { outputs: dims[output] ?? 1, stride: strides[output] as number, offsets: Int32Array.from(offsets) };
}

/** Where in memory the two weights of every pair lie whose products one output adds up in 16 bits. */
export function* summedPairs(dims: readonly number[], order: SumOrder): Generator<[number, number]> {
  const { outputs, stride, offsets } = sumOffsets(dims, order);
  for (let start = 0; start < outputs * stride; start += stride) {
    for (let k = 0; k + 1 < offsets.length; k += 2)
      yield [start + (offsets[k] as number), start + (offsets[k + 1] as number)];
  }
}

/** Whether no pair of weights can saturate, when this is the largest sum of one. */
export const isExact = (largestPair: number): boolean => largestPair <= LARGEST_PAIR;

/**
 * Whether an integer kernel with uint8 activations and these int8 weights gives the same sums on every CPU. x86 CPUs without VNNI add
 * the products of adjacent pairs along K in 16 bits with saturation (VPMADDUBSW). Activations are never negative, so only weights of
 * one sign add up: a pair is safe when max(w1⁺ + w2⁺, w1⁻ + w2⁻) <= 128, and the layer when all pairs are. This is a worst case over
 * all activations.
 * @throws TypeError when the weights are not int8.
 */
export const isExactOnEveryCpu = (weights: Tensor, order: SumOrder): boolean => isExact(largestPairSum(weights, order));

/** The largest sum that two int8 weights of one sign, neighbours along K, make. @throws TypeError when the weights are not int8 */
export function largestPairSum(weights: Tensor, order: SumOrder): number {
  const values = elements(weights, 'int8');
  const { outputs, stride, offsets } = sumOffsets(weights.dims, order);
  let largest = 0;
  // Not by `summedPairs`: over millions of weights a generator takes twenty times as long.
  for (let start = 0; start < outputs * stride; start += stride) {
    for (let k = 0; k + 1 < offsets.length; k += 2) {
      const first = values[start + (offsets[k] as number)] as number;
      largest = Math.max(largest, pairSum(first, values[start + (offsets[k + 1] as number)] as number));
    }
  }
  return largest;
}
