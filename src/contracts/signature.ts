import { z } from 'zod';

/** Element types that Modelpress knows by name, as ONNX spells them in lower case. */
export const ELEMENT_TYPES = [
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
] as const;
/** Those that hold whole numbers of whole bytes. */
export const INTEGER_TYPES = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const;
export const ElementType = z.enum(ELEMENT_TYPES);
export type ElementType = z.infer<typeof ElementType>;

/** A dimension: a fixed size, a named symbol, or null when nothing is said of it. */
export const Dimension = z.union([z.int().min(0), z.string(), z.null()]);
export type Dimension = z.infer<typeof Dimension>;

/** One input or output of a model; `shape` is null when the rank is unknown, `dtype` is null when it is not a tensor. */
export const ValueSignature = z.object({
  name: z.string(),
  dtype: ElementType.nullable(),
  shape: z.array(Dimension).nullable(),
});
export type ValueSignature = z.infer<typeof ValueSignature>;

/** The value that stands for `name` among those of another model: the one called so, or the only one there is. */
export const counterpart = <Value extends { readonly name: string }>(
  values: readonly Value[],
  name: string,
): Value | undefined => values.find((value) => value.name === name) ?? (values.length === 1 ? values[0] : undefined);
