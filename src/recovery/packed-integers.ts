import type { ElementType } from '../contracts/signature.js';
import { numbers } from '../onnx/ir/numbers.js';
import { elementCount, type Tensor, tensor } from '../onnx/ir/tensor.js';
import { packBits, unpackBits } from '../quantization/pack-bits.js';

/** Numbers in memory that are all whole. */
export type Integers = Float32Array<ArrayBuffer>;

interface IntegerType {
  /** The least and the largest integer that a weight of this type may be. */
  readonly range: readonly [number, number];
  read(stored: Tensor): Integers;
  write(dims: readonly number[], integers: Integers): Tensor;
}

const plain = (stored: Tensor): Integers => Float32Array.from(numbers(stored));
const nibbles = ({ bytes, dims }: Tensor): Integers => Float32Array.from(unpackBits(bytes, 4, elementCount(dims)));
const asNibbles =
  (dtype: 'uint4' | 'int4') =>
  (dims: readonly number[], integers: Integers): Tensor => ({
    dtype,
    dims,
    bytes: packBits(Uint8Array.from(integers), 4),
  });

/** The types that weights are stored in. */
const TYPES: Readonly<Partial<Record<ElementType, IntegerType>>> = {
  // Symmetric int8 leaves -128 out.
  int8: { range: [-127, 127], read: plain, write: (dims, integers) => tensor('int8', dims, Int8Array.from(integers)) },
  uint8: { range: [0, 255], read: plain, write: (dims, integers) => tensor('uint8', dims, Uint8Array.from(integers)) },
  int4: {
    range: [-8, 7],
    read: (stored) => nibbles(stored).map((value) => (value > 7 ? value - 16 : value)),
    write: asNibbles('int4'),
  },
  uint4: { range: [0, 15], read: nibbles, write: asNibbles('uint4') },
};

export const integerType = (dtype: ElementType | undefined): IntegerType | undefined =>
  dtype === undefined ? undefined : TYPES[dtype];

/**
 * The range that a number of bits gives in which all these integers lie: weights of 3 bits may be stored in a type of 4.
 * @param range what the type can hold
 */
export function usedRange(integers: Integers, range: readonly [number, number]): readonly [number, number] {
  const [least, largest] = range;
  let [min, max] = [0, 0];
  for (const integer of integers) {
    min = Math.min(min, integer);
    max = Math.max(max, integer);
  }
  for (let bits = 2; bits < 8; bits++) {
    const [low, high] = least < 0 ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
    if (min >= low && max <= high) return [Math.max(low, least), Math.min(high, largest)];
  }
  return range;
}
