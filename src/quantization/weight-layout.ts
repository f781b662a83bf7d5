/**
 * How the weights of an operator lie in memory, as output channels times K, in the order in which integer kernels multiply.
 * `axis` is the axis of output channels, which per-channel scales go along.
 */
export interface WeightLayout {
  readonly axis: number;
  readonly channels: number;
  readonly k: number;
  /** Where weight `k` of a channel lies in memory: at a start of the channel's own, plus an offset that all channels share. */
  readonly index: (channel: number, k: number) => number;
}

/** The offsets of `index`, for loops over all weights: weight `k` of a channel lies at index(channel, 0) + offsets[k]. */
export const offsetsOf = ({ k, index }: WeightLayout): Int32Array =>
  Int32Array.from({ length: k }, (_, position) => index(0, position));

const product = (dims: readonly number[]) => dims.reduce((total, dim) => total * dim, 1);

/** Conv: [M, C/group, kernel…]; K runs over kernel positions, input channels innermost. */
export function convLayout(dims: readonly number[]): WeightLayout {
  const [channels = 1, inputs = 1, ...kernel] = dims;
  const positions = product(kernel);
  return {
    axis: 0,
    channels,
    k: inputs * positions,
    index: (channel, k) => (channel * inputs + (k % inputs)) * positions + Math.floor(k / inputs),
  };
}

/** MatMul and Gemm: [K, N]; transposed: [N, K]. The output channels are N. */
export function matrixLayout(dims: readonly number[], transposed: boolean): WeightLayout {
  const [rows = 1, columns = 1] = dims;
  return transposed
    ? { axis: 0, channels: rows, k: columns, index: (channel, k) => channel * columns + k }
    : { axis: 1, channels: columns, k: rows, index: (channel, k) => k * columns + channel };
}

/** Any constant: slices along `axis`; K is everything else in memory order. */
export function axisLayout(dims: readonly number[], axis: number): WeightLayout {
  const channels = dims[axis] ?? 1;
  const inner = product(dims.slice(axis + 1));
  return {
    axis,
    channels,
    k: product(dims) / Math.max(1, channels),
    index: (channel, k) => (Math.floor(k / inner) * channels + channel) * inner + (k % inner),
  };
}
