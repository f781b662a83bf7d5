import type { Scheme } from './quantize-step.js';

/**
 * The operators whose arithmetic integer kernels of ONNX Runtime do fast, by the kind of activation ranges, and those whose constant
 * tables are stored in INT8 rows. One table for what is announced and for what is done.
 */
export const INTEGER_OPERATORS = {
  static: ['Conv', 'Gemm', 'MatMul'],
  dynamic: ['Gemm', 'MatMul'],
  weights8: ['Gemm', 'MatMul'],
  weights4: ['Gemm', 'MatMul'],
} as const;
export const ROW_OPERATORS = ['Gather'] as const;

/** By scheme, the operators that it can quantize. */
export const QUANTIZABLE_OPERATORS: Readonly<Record<Scheme, readonly string[]>> = {
  optimized: [],
  int8_static: [...INTEGER_OPERATORS.static, ...ROW_OPERATORS],
  int8_dynamic: [...INTEGER_OPERATORS.dynamic, ...ROW_OPERATORS],
  int8_weights: [...INTEGER_OPERATORS.weights8, ...ROW_OPERATORS],
  int4_weights: [...INTEGER_OPERATORS.weights4, ...ROW_OPERATORS],
  fp16_weights: [],
};

/** Operators that only stand in a model whose numbers are integers already. */
const OPERATORS_ON_INTEGERS: ReadonlySet<string> = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'QLinearConv',
  'QLinearMatMul',
  'ConvInteger',
  'MatMulInteger',
]);
export const isIntegerOperator = (opType: string): boolean => OPERATORS_ON_INTEGERS.has(opType);
