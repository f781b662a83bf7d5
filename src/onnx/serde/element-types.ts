import { TensorProto_DataType as Code } from 'onnx-buf';
import type { ElementType } from '../../contracts/signature.js';

/** The number that ONNX writes for each element type (TensorProto.DataType). */
export const ELEMENT_CODES: Readonly<Record<ElementType, Code>> = {
  float32: Code.FLOAT,
  uint8: Code.UINT8,
  int8: Code.INT8,
  uint16: Code.UINT16,
  int16: Code.INT16,
  int32: Code.INT32,
  int64: Code.INT64,
  string: Code.STRING,
  bool: Code.BOOL,
  float16: Code.FLOAT16,
  float64: Code.DOUBLE,
  uint32: Code.UINT32,
  uint64: Code.UINT64,
  complex64: Code.COMPLEX64,
  complex128: Code.COMPLEX128,
  bfloat16: Code.BFLOAT16,
  float8e4m3fn: Code.FLOAT8E4M3FN,
  float8e4m3fnuz: Code.FLOAT8E4M3FNUZ,
  float8e5m2: Code.FLOAT8E5M2,
  float8e5m2fnuz: Code.FLOAT8E5M2FNUZ,
  uint4: Code.UINT4,
  int4: Code.INT4,
  float4e2m1: Code.FLOAT4E2M1,
};

const TYPES = new Map<number, ElementType>(
  Object.entries(ELEMENT_CODES).map(([type, code]) => [code, type as ElementType]),
);

/** The element type behind ONNX's number; undefined for 0 and for types that Modelpress does not know. */
export const elementType = (code: number): ElementType | undefined => TYPES.get(code);
