import { elements, type Tensor } from './tensor.js';

/** The value of a 16-bit IEEE 754 pattern (binary16). */
export function halfToNumber(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const float32 = new Float32Array(1);
const float32Bits = new Uint32Array(float32.buffer);

/** The 16-bit IEEE 754 pattern nearest to a float32 value, ties to even; beyond 65,504 it is infinity. */
export function numberToHalf(value: number): number {
  float32[0] = value;
  const bits = float32Bits[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65,520 lies halfway between the largest finite half and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Subnormal halves are multiples of 2^-24; float32 has no fractions from 2^23 on, so the addition rounds, ties to even.
  if (magnitude < 0x38800000) return sign | (Math.fround(Math.abs(float32[0]) * 2 ** 24 + 2 ** 23) - 2 ** 23);
  const rebased = magnitude - 0x38000000;
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

/**
 * The elements of any numeric or bool tensor as numbers: a view where the type allows it, else a new array. 64-bit integers beyond
 * 2^53 lose their last digits.
 * @throws TypeError for types without a plain numeric value (strings, complex, packed 4-bit and 8-bit floats).
 */
export function numbers(tensor: Tensor): ArrayLike<number> {
  switch (tensor.dtype) {
    case 'float32':
    case 'float64':
    case 'int8':
    case 'uint8':
    case 'int16':
    case 'uint16':
    case 'int32':
    case 'uint32':
    case 'bool':
      return elements(tensor, tensor.dtype);
    case 'int64':
      return Float64Array.from(elements(tensor, 'int64'), Number);
    case 'uint64':
      return Float64Array.from(elements(tensor, 'uint64'), Number);
    case 'float16':
      return Float32Array.from(elements(tensor, 'float16'), halfToNumber);
    case 'bfloat16':
      return new Float32Array(Uint32Array.from(elements(tensor, 'bfloat16'), (pattern) => pattern << 16).buffer);
    default:
      throw new TypeError(`tensors of type ${tensor.dtype} have no plain numbers`);
  }
}
