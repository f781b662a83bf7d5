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
