import { intAttribute, intsAttribute, type Node, stringAttribute } from '../onnx/ir/graph.js';
import { elementCount, elements, type Tensor } from '../onnx/ir/tensor.js';
import { INTEGERS } from './rules/quantization.js';

type Constants = ReadonlyMap<string, Tensor>;
/** What keeps this node's rule from applying, as the end of a sentence; undefined when nothing does. */
type Condition = (node: Node, constants: Constants) => string | undefined;

/** The named inputs must be constants, for the gradient is written for their values. */
const constantInputs =
  (...indices: readonly number[]): Condition =>
  (node, constants) => {
    const open = indices.find((index) => (node.inputs[index] ?? '') !== '' && !constants.has(node.inputs[index] ?? ''));
    return open === undefined ? undefined : `with input ${open} as a constant only`;
  };

const attributeIs =
  (name: string, fallback: string, wanted: string): Condition =>
  (node) =>
    stringAttribute(node, name, fallback) === wanted ? undefined : `with ${name} ${wanted} only`;

const all =
  (...conditions: readonly Condition[]): Condition =>
  (node, constants) =>
    conditions.map((condition) => condition(node, constants)).find((reason) => reason !== undefined);

/** Whole enlargements, which repeat each element; everything else would need weights for every position. */
const nearestEnlargement: Condition = all(
  attributeIs('mode', 'nearest', 'nearest'),
  constantInputs(2, 3),
  (node, constants) => {
    const scales = constants.get(node.inputs[2] ?? '');
    if (!scales || scales.dims[0] === 0) return 'with scales stated only';
    if (intsAttribute(node, 'axes')) return 'without axes only';
    const whole = elements(scales, 'float32').every((scale) => Number.isInteger(scale) && scale >= 1);
    return whole ? undefined : 'for whole scales of at least 1 only';
  },
  (node) => {
    const asymmetric = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') === 'asymmetric';
    const rounding = stringAttribute(node, 'nearest_mode', 'round_prefer_floor');
    if (asymmetric) return rounding === 'floor' ? undefined : 'for asymmetric coordinates with nearest_mode floor only';
    const half = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel') === 'half_pixel';
    return half && rounding.startsWith('round') ? undefined : 'for half_pixel coordinates with rounding only';
  },
);

/** One number for the whole tensor, since scales per channel would need their axis, and integers whose range is known. */
const oneScale: Condition = all(constantInputs(1, 2), (node, constants) => {
  const scale = constants.get(node.inputs[1] ?? '');
  if (!scale || elementCount(scale.dims) !== 1) return 'with one scale for the whole tensor only';
  const zeroPoint = constants.get(node.inputs[2] ?? '');
  if (!zeroPoint)
    return intAttribute(node, 'output_dtype', 0) === 0 ? undefined : 'with a zero point to state the type';
  return INTEGERS[zeroPoint.dtype] ? undefined : 'for integers of 8 and 16 bits only';
});

/** Every sequence of a batch as long as the others, moments first, which is all that ONNX Runtime computes on a CPU. */
const wholeSequences: Condition = (node) => {
  if ((node.inputs[4] ?? '') !== '') return 'without sequence_lens only';
  return intAttribute(node, 'layout', 0) === 0 ? undefined : 'with layout 0 only';
};

/** Operators whose rule covers a part of what they can do. */
const CONDITIONS: Readonly<Record<string, Condition>> = {
  Clip: constantInputs(1, 2),
  Slice: constantInputs(1, 2, 3, 4),
  Tile: constantInputs(1),
  CumSum: constantInputs(1),
  Pad: all(attributeIs('mode', 'constant', 'constant'), constantInputs(1, 3)),
  Dropout: (node, constants) => {
    const mode = node.inputs[2] ?? '';
    const off = mode === '' || constants.get(mode)?.bytes[0] === 0;
    return off ? undefined : 'in inference mode only';
  },
  AveragePool: (node) => (intAttribute(node, 'ceil_mode', 0) === 0 ? undefined : 'without ceil_mode only'),
  MaxPool: (node) => (intAttribute(node, 'storage_order', 0) === 0 ? undefined : 'with storage_order 0 only'),
  LpNormalization: (node) => (intAttribute(node, 'p', 2) === 2 ? undefined : 'for p = 2 only'),
  Resize: nearestEnlargement,
  QuantizeLinear: oneScale,
  LSTM: wholeSequences,
  GRU: wholeSequences,
  RNN: wholeSequences,
  ...Object.fromEntries(
    ['Sum', 'Mean', 'Max', 'Min', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp', 'Prod'].map((kind) => [
      `Reduce${kind}`,
      constantInputs(1),
    ]),
  ),
};

/** Why the rule of the node's operator does not cover this node; undefined when it does. */
export const unmetCondition: Condition = (node, constants) =>
  Object.hasOwn(CONDITIONS, node.opType) ? CONDITIONS[node.opType]?.(node, constants) : undefined;
