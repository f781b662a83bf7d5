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

/** Operators that compute in half precision, or move halves, wherever their numbers allow it. */
export const HALF_OPERATORS = [
  ...[
    'Abs',
    'Add',
    'ArgMax',
    'ArgMin',
    'Attention',
    'AveragePool',
    'BatchNormalization',
    'Cast',
    'Ceil',
    'Clip',
    'Compress',
  ],
  ...[
    'Concat',
    'ConstantOfShape',
    'Conv',
    'ConvTranspose',
    'Cos',
    'DepthToSpace',
    'Div',
    'Dropout',
    'Einsum',
    'Elu',
    'Equal',
  ],
  ...['Erf', 'Exp', 'Expand', 'Flatten', 'Floor', 'GRU', 'Gather', 'GatherElements', 'GatherND', 'Gelu', 'Gemm'],
  ...[
    'GlobalAveragePool',
    'GlobalMaxPool',
    'Greater',
    'GreaterOrEqual',
    'GroupNormalization',
    'HardSigmoid',
    'HardSwish',
  ],
  ...[
    'Hardmax',
    'Identity',
    'InstanceNormalization',
    'IsInf',
    'IsNaN',
    'LRN',
    'LSTM',
    'LayerNormalization',
    'LeakyRelu',
    'Less',
  ],
  ...['LessOrEqual', 'Log', 'LogSoftmax', 'LpNormalization', 'LpPool', 'MatMul', 'Max', 'MaxPool', 'Mean'],
  ...['Min', 'Mish', 'Mod', 'Mul', 'Neg', 'NonZero', 'OneHot', 'PRelu', 'Pad', 'Pow'],
  ...['RMSNormalization', 'RNN', 'Reciprocal', 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax'],
  ...[
    'ReduceMean',
    'ReduceMin',
    'ReduceProd',
    'ReduceSum',
    'ReduceSumSquare',
    'Relu',
    'Reshape',
    'Resize',
    'ReverseSequence',
  ],
  ...[
    'RotaryEmbedding',
    'Round',
    'ScatterElements',
    'ScatterND',
    'Selu',
    'Shape',
    'Shrink',
    'Sigmoid',
    'Sign',
    'Sin',
    'Size',
  ],
  ...[
    'Slice',
    'Softmax',
    'Softplus',
    'Softsign',
    'SpaceToDepth',
    'Split',
    'Sqrt',
    'Squeeze',
    'Sub',
    'Sum',
    'Swish',
    'Tanh',
  ],
  ...['ThresholdedRelu', 'Tile', 'TopK', 'Transpose', 'Trilu', 'Unsqueeze', 'Where'],
] as const;

/** By scheme, the operators that it can quantize. */
export const QUANTIZABLE_OPERATORS: Readonly<Record<Scheme, readonly string[]>> = {
  optimized: [],
  int8_static: [...INTEGER_OPERATORS.static, ...ROW_OPERATORS],
  int8_dynamic: [...INTEGER_OPERATORS.dynamic, ...ROW_OPERATORS],
  int8_weights: [...INTEGER_OPERATORS.weights8, ...ROW_OPERATORS],
  int4_weights: [...INTEGER_OPERATORS.weights4, ...ROW_OPERATORS],
  fp16: HALF_OPERATORS,
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
