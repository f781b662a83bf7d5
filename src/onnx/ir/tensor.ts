import type { ElementType } from '../../contracts/signature.js';

/** A constant: raw little-endian bytes, 4-bit types packed two to a byte, low nibble first (the layout of ONNX `raw_data`). */
export interface Tensor {
  readonly dtype: ElementType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
  /** Only for dtype `string`, whose `bytes` are empty. */
  readonly strings?: readonly Uint8Array[];
}

/** Bits of one element; 0 for strings, which have no fixed size. */
export const BITS: Readonly<Record<ElementType, number>> = {
  float32: 32,
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  int64: 64,
  string: 0,
  bool: 8,
  float16: 16,
  float64: 64,
  uint32: 32,
  uint64: 64,
  complex64: 64,
  complex128: 128,
  bfloat16: 16,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  uint4: 4,
  int4: 4,
  float4e2m1: 4,
};

/** Number of elements of a shape; 1 for a scalar. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

/** Bytes that a tensor of this type and shape occupies as raw data. */
export const byteLength = (dtype: ElementType, dims: readonly number[]): number =>
  Math.ceil((elementCount(dims) * BITS[dtype]) / 8);

const VIEWS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
} as const;
export type ViewableType = keyof typeof VIEWS;
export type TypedArrayOf<Type extends ViewableType> = InstanceType<(typeof VIEWS)[Type]>;

/**
 * The elements as a typed array, without a copy when the bytes are aligned. float16 and bfloat16 come as their 16-bit patterns.
 * @throws TypeError when the tensor has another type.
 */
export function elements<Type extends ViewableType>(tensor: Tensor, dtype: Type): TypedArrayOf<Type> {
  if (tensor.dtype !== dtype) throw new TypeError(`expected a ${dtype} tensor, got ${tensor.dtype}`);
  const View = VIEWS[dtype];
  const { bytes } = tensor;
  // Not slice(): that of a Buffer is a view of the same memory.
  const aligned = bytes.byteOffset % View.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new View(
    aligned.buffer as ArrayBuffer,
    aligned.byteOffset,
    bytes.byteLength / View.BYTES_PER_ELEMENT,
  ) as TypedArrayOf<Type>;
}

/** A tensor over a typed array's own memory. @throws RangeError when shape and length disagree. */
export function tensor<Type extends ViewableType>(
  dtype: Type,
  dims: readonly number[],
  data: TypedArrayOf<Type>,
): Tensor {
  if (elementCount(dims) !== data.length) throw new RangeError(`shape [${dims}] does not hold ${data.length} elements`);
  return { dtype, dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** A float32 tensor from numbers; without `dims` a vector. */
export const floats = (values: ArrayLike<number>, dims: readonly number[] = [values.length]): Tensor =>
  tensor('float32', dims, Float32Array.from(values));

/** An int64 tensor from whole numbers; without `dims` a vector. */
export const int64s = (values: readonly number[], dims: readonly number[] = [values.length]): Tensor =>
  tensor('int64', dims, BigInt64Array.from(values, BigInt));

/** A scalar float32. */
export const scalar = (value: number): Tensor => floats([value], []);

/**
 * Whole numbers of an integer tensor of any width (shape, axes, and index operands).
 * @throws TypeError for other types.
 */
export function integers(tensor: Tensor): number[] {
  switch (tensor.dtype) {
    case 'int64':
      return Array.from(elements(tensor, 'int64'), Number);
    case 'int32':
      return Array.from(elements(tensor, 'int32'));
    default:
      throw new TypeError(`expected an integer tensor, got ${tensor.dtype}`);
  }
}
