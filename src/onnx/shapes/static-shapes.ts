import type { Graph, Node } from '../ir/graph.js';

/** Operators whose output shape follows from the shapes of their inputs and from attributes. */
const BY_SHAPES = new Set(
  `Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast CastLike Ceil Celu Clip Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish
  Hardmax Identity IsInf IsNaN LeakyRelu Log LogSoftmax LpNormalization Mish Neg Not PRelu Reciprocal Relu Round Selu Shrink Sigmoid
  Sign Sin Sinh Softmax Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu
  Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or Pow Sub
  Sum Where Xor
  Attention Conv ConvInteger ConvTranspose DeformConv Det Einsum GRU Gemm LSTM MatMul MatMulInteger QLinearConv QLinearMatMul RNN
  RotaryEmbedding
  BatchNormalization Dropout GroupNormalization InstanceNormalization LRN LayerNormalization MeanVarianceNormalization RMSNormalization
  AveragePool GlobalAveragePool GlobalLpPool GlobalMaxPool LpPool MaxPool MaxRoiPool RoiAlign
  ArgMax ArgMin Concat Constant CumSum DepthToSpace EyeLike Flatten Gather GatherElements GatherND GridSample ReverseSequence Scatter
  ScatterElements ScatterND Shape Size SpaceToDepth Transpose
  DequantizeLinear DynamicQuantizeLinear QuantizeLinear
  Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike`.split(/\s+/),
);

/** Operators with inputs whose values, not only shapes, decide the output shape, and which those are. */
const BY_VALUES: Readonly<Record<string, readonly number[]>> = {
  AffineGrid: [1],
  CenterCropPad: [1],
  Col2Im: [1, 2],
  ConstantOfShape: [0],
  DFT: [1, 2],
  Expand: [1],
  MaxUnpool: [2],
  OneHot: [1],
  Pad: [1, 3],
  Range: [0, 1, 2],
  Reshape: [1],
  Resize: [1, 2, 3],
  STFT: [1, 3],
  Slice: [1, 2, 3, 4],
  Split: [1],
  Squeeze: [1],
  Tile: [1],
  TopK: [1],
  Unsqueeze: [1],
  Upsample: [1],
  ...Object.fromEntries(
    ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'].map((name) => [
      `Reduce${name}`,
      [1],
    ]),
  ),
};

/** An operator that neither table names is taken to decide its shape by data: forgetting one is safe. */
function keepsShapesStatic(node: Node, known: ReadonlySet<string>, constants: ReadonlySet<string>): boolean {
  if (node.domain !== '') return false;
  const operands = BY_SHAPES.has(node.opType) ? [] : Object.hasOwn(BY_VALUES, node.opType) && BY_VALUES[node.opType];
  if (!operands) return false;
  return node.inputs.every((input, index) => input === '' || (operands.includes(index) ? constants : known).has(input));
}

/** The values of a graph whose shapes follow from the shapes of its inputs alone, whatever the inputs hold. */
export function staticShapes(graph: Graph): ReadonlySet<string> {
  const constants = new Set(graph.initializers.keys());
  const known = new Set([...constants, ...graph.inputs.map(({ name }) => name)]);
  for (const node of graph.nodes) {
    if (keepsShapesStatic(node, known, constants)) for (const output of node.outputs) known.add(output);
  }
  return known;
}
