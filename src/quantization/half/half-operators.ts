import { HALF_OPERATORS } from '../../contracts/operators.js';
import { type Attribute, intAttribute, type Node } from '../../onnx/ir/graph.js';
import { floats } from '../../onnx/ir/tensor.js';
import { ELEMENT_CODES, elementType } from '../../onnx/serde/element-types.js';
import { halfConstant } from './half-constants.js';

/** The operator set from which an operator takes float16, for those that do not in all sets that Modelpress works in. */
const HALF_SINCE: Readonly<Record<string, number>> = { CumSum: 14, IsInf: 20 };

/** Inputs that keep their type whatever the others have (formal parameters of onnx/docs/Operators.md). */
const KEPT_INPUTS: Readonly<Record<string, readonly number[]>> = {
  Dropout: [1],
  OneHot: [0, 1],
  Resize: [1, 2],
};

/** Operators that could, but must not: what halves do to them. */
const UNFIT: Readonly<Record<string, string>> = {
  AffineGrid: 'Halves are too coarse for coordinates.',
  CumSum: 'A running sum adds up the rounding of halves.',
  GridSample: 'Halves are too coarse for coordinates.',
  NonMaxSuppression: 'It takes float32 only.',
  Range: 'It makes no halves.',
  RoiAlign: 'Halves are too coarse for coordinates.',
};

/** Operators that only move, choose or look at elements: in which type they do it costs nothing, so they go with their neighbours. */
const MOVING: ReadonlySet<string> = new Set([
  'Cast',
  'Compress',
  'Concat',
  'ConstantOfShape',
  'DepthToSpace',
  'Equal',
  'Expand',
  'Flatten',
  'Gather',
  'GatherElements',
  'GatherND',
  'Greater',
  'GreaterOrEqual',
  'Identity',
  'IsInf',
  'IsNaN',
  'Less',
  'LessOrEqual',
  'Neg',
  'NonZero',
  'OneHot',
  'Pad',
  'Reshape',
  'ReverseSequence',
  'ScatterElements',
  'ScatterND',
  'Shape',
  'Size',
  'Slice',
  'SpaceToDepth',
  'Split',
  'Squeeze',
  'Tile',
  'Transpose',
  'Trilu',
  'Unsqueeze',
  'Where',
]);

export const onlyMoves = ({ opType }: Node): boolean => MOVING.has(opType);

const KNOWN: ReadonlySet<string> = new Set(HALF_OPERATORS);

/** Casts from and to numbers that are no floats; a Cast between floats asks for the precision that it names. */
function isConvertible(node: Node): boolean {
  const to = elementType(intAttribute(node, 'to', 0));
  return to === 'float32' || (to !== undefined && !/float|complex|string/.test(to));
}

/** Why the operator cannot compute in half precision; null when it can. @param opset of the standard domain */
export function halfObstacle(node: Node, opset: number): string | null {
  if (node.domain !== '') return `ONNX does not say whether ${node.domain}.${node.opType} takes halves.`;
  const unfit = UNFIT[node.opType];
  if (unfit !== undefined) return unfit;
  if (!KNOWN.has(node.opType)) return `${node.opType} has no form in half precision.`;
  if (opset < (HALF_SINCE[node.opType] ?? 0)) return `${node.opType} takes no halves in operator set ${opset}.`;
  if (node.opType === 'Cast' && !isConvertible(node)) return 'It asks for another type of float by name.';
  if (intAttribute(node, 'training_mode', 0) !== 0) return 'It gathers statistics, as in training.';
  return null;
}

/** Whether input `index` takes part in the node's precision. */
export const isPrecise = ({ opType }: Node, index: number): boolean => !(KEPT_INPUTS[opType] ?? []).includes(index);

/** What a node's attributes say of the type that it makes, said of halves. */
const IN_HALVES: Readonly<Record<string, (node: Node) => readonly [name: string, attribute: Attribute] | null>> = {
  Cast: (node) =>
    elementType(intAttribute(node, 'to', 0)) === 'float32'
      ? ['to', { kind: 'int', value: BigInt(ELEMENT_CODES.float16) }]
      : null,
  ConstantOfShape: (node) => {
    const value = node.attributes.get('value');
    const filling = value?.kind === 'tensor' ? value.value : floats([0]);
    return ['value', { kind: 'tensor', value: halfConstant(filling) }];
  },
};

/** The same operation making halves; its inputs and outputs are the caller's to rename. */
export function inHalves(node: Node): Node {
  const changed = IN_HALVES[node.opType]?.(node);
  return changed ? { ...node, attributes: new Map([...node.attributes, changed]) } : node;
}
