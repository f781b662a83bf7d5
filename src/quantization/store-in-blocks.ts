import { type Graph, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { floats, int64s, type Tensor, tensor } from '../onnx/ir/tensor.js';
import { middleInteger } from './block-grid.js';
import type { BlockWeights } from './block-weights.js';
import { packBits } from './pack-bits.js';
import { isPacked, type StoredShape, storedIndex } from './stored-shape.js';
import type { WeightOperand } from './weight-operands.js';

const FLOAT32 = 1;
/** The first operator set with 4-bit constants. */
export const FOUR_BIT_OPSET = 21;

/** What the nodes that restore one weight are made with. */
interface Unfolding {
  readonly shape: StoredShape;
  readonly blocks: BlockWeights;
  /** Adds a constant of this weight. */
  constant(hint: string, value: Tensor): string;
  /** Adds a constant that many weights share. */
  shared(name: string, value: Tensor): string;
  /** Adds a node and gives the name of its result. */
  emit(opType: string, inputs: readonly string[], attributes?: Readonly<Record<string, number | string>>): string;
}

/** The dims of numbers per block (or per part of a block), with the channels where they lie in memory. */
const withChannels = ({ channels, channelsFirst }: StoredShape, inner: readonly number[]): number[] =>
  channelsFirst ? [channels, ...inner] : [...inner, channels];

/** From channel by channel to the order of memory. */
function inMemory<Numbers extends Uint8Array | Float32Array>(numbers: Numbers, shape: StoredShape): Numbers {
  if (shape.channelsFirst) return numbers;
  const perChannel = numbers.length / shape.channels;
  const moved = numbers.slice() as Numbers;
  const index = storedIndex({ ...shape, k: perChannel });
  for (let i = 0; i < numbers.length; i++) {
    moved[index(Math.floor(i / perChannel), i % perChannel)] = numbers[i] as number;
  }
  return moved;
}

/** Integers of the type uint4: one Cast. @returns float integers as [channels, blocks, length], channels first or last */
function unfoldNibbles(unfolding: Unfolding): string {
  const { shape, blocks } = unfolding;
  const packed = packBits(inMemory(blocks.integers, shape), 4);
  const dims = withChannels(shape, [blocks.blocks, shape.length]);
  return unfolding.emit('Cast', [unfolding.constant('int4', { dtype: 'uint4', dims, bytes: packed })], {
    to: FLOAT32,
  });
}

/** Eight weights in a row, in the two axes that the planes below are unfolded to. */
const EIGHT = [2, 4];

/**
 * One plane of some bits of each integer, from bytes that hold 8 / width weights of one channel each: shifted left until the wanted
 * bits are the highest, then right until they are the lowest. BitShift on bytes is standard since operator set 11.
 * @returns float numbers as [channels, blocks, length / 8, 2, 4], channels first or last
 */
function unfoldPlane(unfolding: Unfolding, width: 1 | 2, lowest: number): string {
  const { shape, blocks } = unfolding;
  const bits = blocks.integers.map((integer) => integer >> lowest);
  const bytes = inMemory(packBits(bits, width), shape);
  const eights = shape.length / 8;
  const dims = withChannels(shape, [blocks.blocks, eights, ...(width === 2 ? [2, 1] : [1, 1])]);
  const last = shape.channelsFirst ? [] : [1];
  const shifts = Uint8Array.from({ length: 8 / width }, (_, i) => 8 - width * (i + 1));
  const left = unfolding.shared(
    `unfold_left_${width}${last.length === 0 ? '' : '_last'}`,
    tensor('uint8', [...(width === 2 ? EIGHT.slice(1) : EIGHT), ...last], shifts),
  );
  const right = unfolding.shared(`unfold_right_${width}`, tensor('uint8', [], Uint8Array.of(8 - width)));
  const packed = unfolding.constant(`bits${lowest}`, tensor('uint8', dims, bytes));
  const highest = unfolding.emit('BitShift', [packed, left], { direction: 'LEFT' });
  return unfolding.emit('Cast', [unfolding.emit('BitShift', [highest, right], { direction: 'RIGHT' })], {
    to: FLOAT32,
  });
}

/** Integers of 2 or 3 bits, packed as such. */
function unfoldPlanes(unfolding: Unfolding): string {
  const low = unfoldPlane(unfolding, 2, 0);
  if (unfolding.blocks.bits === 2) return low;
  const four = unfolding.shared('unfold_four', floats([4], []));
  return unfolding.emit('Add', [low, unfolding.emit('Mul', [unfoldPlane(unfolding, 1, 2), four])]);
}

/** The zero point of each block, as a float that broadcasts against the integers. */
function zeroPoint(unfolding: Unfolding, dims: readonly number[]): string {
  const { shape, blocks } = unfolding;
  const { bits, symmetric, zeroPoints, parts } = blocks;
  if (symmetric) return unfolding.shared(`unfold_middle_${bits}`, floats([middleInteger(bits)], []));
  const ordered = inMemory(zeroPoints, shape);
  const value: Tensor =
    isPacked(shape, bits) || parts !== 1
      ? tensor('uint8', dims, ordered)
      : { dtype: 'uint4', dims, bytes: packBits(ordered, 4) };
  const counted = unfolding.emit('Cast', [unfolding.constant('zero_point', value)], { to: FLOAT32 });
  if (parts === 1) return counted;
  return unfolding.emit('Mul', [counted, unfolding.shared(`unfold_part_${parts}`, floats([1 / parts], []))]);
}

/**
 * A weight in few bits and the nodes that restore it under its old name: unpacked, minus the zero point, times the scale, Reshape. ONNX
 * Runtime folds them when it loads the model.
 * @param shared constants that weights stored before have added, by name
 */
export function storeInBlocks(
  graph: Graph,
  operand: WeightOperand,
  stored: { readonly shape: StoredShape; readonly blocks: BlockWeights },
  fresh: (hint: string) => string,
  shared: Map<string, string>,
): Node[] {
  const { name } = operand;
  const { shape, blocks } = stored;
  const nodes: Node[] = [];
  const constant = (hint: string, value: Tensor) => {
    const added = fresh(hint);
    graph.initializers.set(added, value);
    return added;
  };
  const unfolding: Unfolding = {
    ...stored,
    constant: (hint, value) => constant(`${name}_${hint}`, value),
    shared: (hint, value) => {
      const known = shared.get(hint) ?? constant(hint, value);
      shared.set(hint, known);
      return known;
    },
    emit: (opType, inputs, attributes = {}) => {
      // Short names: a small weight would else cost more in names than in numbers.
      const output = fresh('unfolded');
      nodes.push(makeNode(opType, inputs, [output], { attributes }));
      return output;
    },
  };
  graph.initializers.delete(name);
  const packed = isPacked(shape, blocks.bits);
  const perBlock = withChannels(shape, [blocks.blocks, ...(packed ? [1, 1, 1] : [1])]);
  const integers = packed ? unfoldPlanes(unfolding) : unfoldNibbles(unfolding);
  const centred = unfolding.emit('Sub', [integers, zeroPoint(unfolding, perBlock)]);
  const scale = unfolding.constant('scale', floats(inMemory(blocks.scales, shape), perBlock));
  const scaled = unfolding.emit('Mul', [centred, scale]);
  const dims = unfolding.shared(`unfold_dims_${operand.tensor.dims.join('_')}`, int64s(operand.tensor.dims));
  return [...nodes, makeNode('Reshape', [scaled, dims], [name])];
}
