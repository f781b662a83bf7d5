/**
 * Operators that ONNX Runtime 1.30 executes, by the operator set version that introduced them. Standard domain: the schemas of
 * `onnx.defs.get_all_schemas_with_history()` (onnx 1.23.2) up to NEWEST_OPSET, and SimplifiedLayerNormalization, which ONNX Runtime
 * keeps in the standard domain. com.microsoft: the operators with a kernel in the CPU execution provider; EPContext, Snpe and the like, which load
 * foreign binaries, are left out on purpose.
 */
const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

const STANDARD_BY_VERSION: Readonly<Record<number, string>> = {
  1: `
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv ConvTranspose
    DepthToSpace Div Dropout Elu Equal Exp Flatten Floor GRU Gather Gemm GlobalAveragePool GlobalLpPool
    GlobalMaxPool Greater HardSigmoid Hardmax Identity If InstanceNormalization LRN LSTM LeakyRelu Less Log
    LogSoftmax Loop LpNormalization LpPool MatMul Max MaxPool MaxRoiPool Mean Min Mul Neg Not Or PRelu Pad Pow
    RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Reciprocal ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Selu Shape
    Sigmoid SimplifiedLayerNormalization Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze
    Sub Sum Tanh Tile TopK Transpose Unsqueeze Upsample Xor
  `,
  7: 'Acos Asin Atan Cos Multinomial Sin Tan',
  8: 'Expand Scan',
  9: `
    Acosh Asinh Atanh Compress ConstantOfShape Cosh Erf EyeLike IsNaN MaxUnpool MeanVarianceNormalization
    NonZero OneHot Scatter Shrink Sign Sinh TfIdfVectorizer Where
  `,
  10: `
    ConvInteger DequantizeLinear IsInf MatMulInteger Mod NonMaxSuppression QLinearConv QLinearMatMul
    QuantizeLinear Resize ReverseSequence RoiAlign StringNormalizer ThresholdedRelu
  `,
  11: `
    BitShift ConcatFromSequence CumSum Det DynamicQuantizeLinear GatherElements GatherND Range Round
    ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert
    SequenceLength SplitToSequence Unique
  `,
  12: 'Celu Einsum GreaterOrEqual LessOrEqual NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss',
  14: 'HardSwish Trilu',
  15: 'Bernoulli CastLike Optional OptionalGetElement OptionalHasElement',
  16: 'GridSample',
  17: 'BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT SequenceMap',
  18: 'BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im Mish',
  19: 'DeformConv',
  20: 'AffineGrid Gelu ImageDecoder RegexFullMatch StringConcat StringSplit',
  21: 'GroupNormalization',
  23: 'Attention RMSNormalization RotaryEmbedding',
  24: 'Swish TensorScatter',
  26: 'BitCast CumProd',
};

/** Half-open ranges of versions in which a standard operator was deprecated. */
const DEPRECATED: Readonly<Record<string, readonly [number, number]>> = {
  Upsample: [10, Number.POSITIVE_INFINITY],
  Scatter: [11, Number.POSITIVE_INFINITY],
  GroupNormalization: [18, 21],
};

const MICROSOFT_OPERATORS: ReadonlySet<string> = new Set(
  words(`
    Attention AttnLSTM BeamSearch BiasGelu BifurcationDetector CDist CausalConvWithState
    ConvTransposeWithDynamicPads CropAndResize DecoderMaskedMultiHeadAttention DequantizeLinear
    DynamicQuantizeLSTM DynamicQuantizeMatMul DynamicTimeWarping EmbedLayerNormalization EngramGate ExpandDims
    FastGelu FusedConv FusedGemm FusedMatMul GatedAdd GatedRMSNorm GatherBlockQuantized GatherND Gelu
    GreedySearch GridSample GroupQueryAttention Inverse LinearAttention LinearAttentionGate MRotaryEmbedding
    MatMulBnb4 MatMulFpQ4 MatMulInteger16 MatMulIntegerToFloat MatMulNBits MaxpoolWithMask MoE
    MultiHeadAttention MurmurHash3 NGramHashMapping NGramRepeatBlock NhwcMaxPool Pad QAttention
    QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool QLinearConcat QLinearConv
    QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearSigmoid QLinearSoftmax QLinearWhere QMoE
    QuantizeLinear QuickGelu Range RotaryEmbedding Sampling SkipLayerNormalization
    SkipSimplifiedLayerNormalization SparseAttention SparseToDenseMatMul Tokenizer TransposeMatMul Trilu
    UnfoldTensor Unique WhisperBeamSearch WordConvEmbedding
  `),
);

const STANDARD_DOMAIN = '';
const MICROSOFT_DOMAIN = 'com.microsoft';
/** Domains whose operators are known; a model's own functions may live in others. CWE-829: a custom domain would ask for a foreign library. */
export const KNOWN_DOMAINS: ReadonlySet<string> = new Set([STANDARD_DOMAIN, MICROSOFT_DOMAIN]);

const SINCE: ReadonlyMap<string, number> = new Map(
  Object.entries(STANDARD_BY_VERSION).flatMap(([version, names]) =>
    words(names).map((name): [string, number] => [name, Number(version)]),
  ),
);

/** Why an operator of a known domain cannot be in a model of this operator set version, or null when it can. */
export function operatorProblem(domain: string, opType: string, version: number): string | null {
  if (domain === MICROSOFT_DOMAIN)
    return MICROSOFT_OPERATORS.has(opType) ? null : 'ONNX Runtime 1.30 has no such operator for the CPU';
  const since = SINCE.get(opType);
  if (since === undefined) return 'ONNX has no such operator';
  if (since > version) return `it exists since operator set ${since}, the model declares ${version}`;
  const [from, to] = DEPRECATED[opType] ?? [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (version >= from && version < to) return `it was removed in operator set ${from}, the model declares ${version}`;
  return null;
}
