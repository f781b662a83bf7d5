import { type Graph, node as makeNode, type Node } from '../onnx/ir/graph.js';
import { elements, floats, int64s, type Tensor } from '../onnx/ir/tensor.js';
import { BLOCK, type BlockOptions, MIDDLE, packNibbles, quantizeInBlocks } from './block-weights.js';
import type { WeightOperand } from './weight-operands.js';

const FLOAT32 = 1;
/** The first operator set with 4-bit constants. */
export const FOUR_BIT_OPSET = 21;

/** Weights as blocks: [C, K/32, 32] where channels come first, [K/32, 32, N] where they come last. */
function blockShape({ tensor: { dims }, layout: { axis, channels, k } }: WeightOperand): number[] | null {
  if (k % BLOCK !== 0) return null;
  if (axis === 0 && channels === dims[0]) return [channels, k / BLOCK, BLOCK];
  return axis === dims.length - 1 ? [k / BLOCK, BLOCK, channels] : null;
}

/** Whether a weight can be stored in 4-bit blocks: K is a multiple of 32 and lies together. */
export const fitsBlocks = (operand: WeightOperand): boolean => blockShape(operand) !== null;

/**
 * A weight in 4 bits and the nodes that restore it under its old name: Cast, minus the zero point, times the scale, Reshape. ONNX
 * Runtime folds them when it loads the model.
 */
export function storeInBlocks(
  graph: Graph,
  operand: WeightOperand,
  options: BlockOptions,
  fresh: (hint: string) => string,
): Node[] {
  const { name, layout } = operand;
  const shape = blockShape(operand);
  if (!shape) throw new Error(`${name} does not fit blocks`);
  const channelsFirst = layout.axis === 0;
  const values = elements(operand.tensor, 'float32');
  /** Where weight `k` of a channel lies in memory. */
  const index = (channel: number, k: number) =>
    channelsFirst ? channel * layout.k + k : k * layout.channels + channel;
  const quantized = quantizeInBlocks(layout, (channel, k) => values[index(channel, k)] as number, options);
  const blockDims = shape.map((dim, axis) => (axis === (channelsFirst ? 2 : 1) ? 1 : dim));

  /** From channel by channel to the order of memory. */
  const inMemory = <Numbers extends Uint8Array | Float32Array>(numbers: Numbers, perChannel: number): Numbers => {
    if (channelsFirst) return numbers;
    const moved = numbers.slice() as Numbers;
    for (let i = 0; i < numbers.length; i++) {
      moved[(i % perChannel) * layout.channels + Math.floor(i / perChannel)] = numbers[i] as number;
    }
    return moved;
  };
  const fourBits = (dims: readonly number[], integers: Uint8Array): Tensor => ({
    dtype: 'uint4',
    dims,
    bytes: packNibbles(integers, integers.length),
  });
  const constant = (hint: string, value: Tensor) => {
    const added = fresh(`${name}_${hint}`);
    graph.initializers.set(added, value);
    return added;
  };
  graph.initializers.delete(name);
  const integers = constant('int4', fourBits(shape, inMemory(quantized.integers, layout.k)));
  const scale = constant('int4_scale', floats(inMemory(quantized.scales, quantized.blocks), blockDims));
  const dims = constant('dims', int64s(operand.tensor.dims));
  const zeroPoint = options.symmetric
    ? constant('int4_zero_point', floats([MIDDLE], []))
    : constant('int4_zero_point', fourBits(blockDims, inMemory(quantized.zeroPoints, quantized.blocks)));
  const zero = options.symmetric ? zeroPoint : fresh(`${name}_zero`);
  const [cast, centred, scaled] = ['cast', 'centred', 'scaled'].map((part) => fresh(`${name}_${part}`)) as [
    string,
    string,
    string,
  ];
  const toFloat = (from: string, to: string) =>
    makeNode('Cast', [from], [to], { name: `${to}_Cast`, attributes: { to: FLOAT32 } });
  return [
    toFloat(integers, cast),
    ...(options.symmetric ? [] : [toFloat(zeroPoint, zero)]),
    makeNode('Sub', [cast, zero], [centred], { name: `${name}_Sub` }),
    makeNode('Mul', [centred, scale], [scaled], { name: `${name}_Mul` }),
    makeNode('Reshape', [scaled, dims], [name], { name: `${name}_Reshape` }),
  ];
}
