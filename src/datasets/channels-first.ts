import { BITS, elementCount, type Tensor } from '../onnx/ir/tensor.js';

const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/** Moves the last axis of every sample to the front of the sample: [n, …, channels] becomes [n, channels, …]. */
export function channelsFirst(tensor: Tensor): Tensor {
  const [count = 0, ...sample] = tensor.dims;
  const channels = sample.at(-1) ?? 1;
  const inner = elementCount(sample.slice(0, -1));
  const Words = WORDS[(BITS[tensor.dtype] / 8) as keyof typeof WORDS];
  const bytes = tensor.bytes.slice();
  const from = new Words(bytes.buffer);
  const to = new Words(from.length);
  for (let n = 0; n < count; n++) {
    const base = n * channels * inner;
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < inner; i++) to[base + c * inner + i] = from[base + i * channels + c] ?? 0;
  }
  return {
    dtype: tensor.dtype,
    dims: [count, channels, ...sample.slice(0, -1)],
    bytes: new Uint8Array(to.buffer),
  };
}
