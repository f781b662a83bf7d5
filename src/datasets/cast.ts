import type { ElementType } from '../contracts/signature.js';
import { numberToHalf } from '../onnx/ir/numbers.js';

type Cast = (values: ArrayLike<number>) => ArrayBufferView;
type Range = readonly [number, number];

const bigints = (values: ArrayLike<number>): bigint[] => Array.from(values, (value) => BigInt(value));

/** How numbers become elements of a type, and the values that the type holds; floats hold them all, if rounded. */
const CASTS: Partial<Readonly<Record<ElementType, { cast: Cast; range: Range | null }>>> = {
  float16: { cast: (values) => Uint16Array.from(values, numberToHalf), range: null },
  float32: { cast: (values) => Float32Array.from(values), range: null },
  float64: { cast: (values) => Float64Array.from(values), range: null },
  int8: { cast: (values) => Int8Array.from(values), range: [-128, 127] },
  uint8: { cast: (values) => Uint8Array.from(values), range: [0, 255] },
  int16: { cast: (values) => Int16Array.from(values), range: [-32_768, 32_767] },
  uint16: { cast: (values) => Uint16Array.from(values), range: [0, 65_535] },
  int32: { cast: (values) => Int32Array.from(values), range: [-(2 ** 31), 2 ** 31 - 1] },
  uint32: { cast: (values) => Uint32Array.from(values), range: [0, 2 ** 32 - 1] },
  int64: {
    cast: (values) => BigInt64Array.from(bigints(values)),
    range: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  },
  uint64: { cast: (values) => BigUint64Array.from(bigints(values)), range: [0, Number.MAX_SAFE_INTEGER] },
  bool: { cast: (values) => Uint8Array.from(values), range: [0, 1] },
};

/** The index of the first value that `dtype` cannot hold, or -1. 64-bit types are held to whole numbers of 53 bits. */
export function firstOutside(values: ArrayLike<number>, dtype: ElementType): number {
  const range = CASTS[dtype]?.range;
  if (!range) return -1;
  const [low, high] = range;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (value < low || value > high) return i;
  }
  return -1;
}

/** Numbers as the little-endian bytes of `dtype`; floats are rounded to nearest, ties to even. @throws TypeError for types without numbers. */
export function castTo(values: ArrayLike<number>, dtype: ElementType): Uint8Array {
  const found = CASTS[dtype];
  if (!found) throw new TypeError(`numbers cannot be cast to ${dtype}`);
  const view = found.cast(values);
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
