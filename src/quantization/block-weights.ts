import type { QuantizeStep } from '../contracts/quantize-step.js';
import { type Grid, type GridOptions, gridOf, roundToNearest } from './block-grid.js';
import { halfQuadratic } from './block-half-quadratic.js';
import { leastSquares } from './block-least-squares.js';

/** Weights along K that share a scale and a zero point, where an operator multiplies them as they are stored. */
export const BLOCK = 32;

export type BlockOptions = QuantizeStep['weights'];

/** Weights in few bits: real = scale · (integer − zeroPoint), in blocks along K. */
export interface BlockWeights {
  readonly bits: BlockOptions['bits'];
  readonly symmetric: boolean;
  /** Weights of a block. */
  readonly length: number;
  /** Blocks per output channel; the last one may be filled up. */
  readonly blocks: number;
  /** [channels, blocks · length], one byte each. */
  readonly integers: Uint8Array<ArrayBuffer>;
  /** [channels, blocks] */
  readonly scales: Float32Array<ArrayBuffer>;
  /** [channels, blocks], in parts of a step; all in the middle when symmetric. */
  readonly zeroPoints: Uint8Array<ArrayBuffer>;
  /** Parts of a step that zero points count: 1 where they are whole. */
  readonly parts: number;
}

/** The weights of an operator as output channels times K, cut in blocks of `length`. */
export interface BlockShape {
  /** The operator that multiplies the weights takes whole zero points only. */
  readonly wholeZeroPoints: boolean;
  readonly channels: number;
  readonly k: number;
  readonly length: number;
}

/** Weights in few bits, all 0 yet. @param parts of a step that zero points count */
export function emptyBlocks(
  { channels, k, length }: BlockShape,
  { bits, symmetric }: Pick<BlockOptions, 'bits' | 'symmetric'>,
  parts = 1,
): BlockWeights {
  const blocks = Math.ceil(k / length);
  return {
    bits,
    symmetric,
    length,
    blocks,
    integers: new Uint8Array(channels * blocks * length),
    scales: new Float32Array(channels * blocks),
    zeroPoints: new Uint8Array(channels * blocks),
    parts,
  };
}

/** Writes the integers of one block and gives its grid. */
type BlockMethod = (block: Float32Array, options: GridOptions, integers: Uint8Array, parts: number) => Grid;

const METHODS = {
  rtn: (block, options, integers) => {
    const grid = gridOf(block, options);
    roundToNearest(block, grid, options.bits, integers);
    return grid;
  },
  mse: leastSquares,
  hqq: halfQuadratic,
} satisfies Readonly<Record<string, BlockMethod>>;
/** Ways to round one block that look at nothing else. */
export type OwnMethod = keyof typeof METHODS;

/**
 * Weights in few bits by blocks along K, each block by itself.
 * @param at the weight `k` of an output channel
 * @param channelDone called after each output channel: the place to take a breath
 * @throws RangeError when a weight is not finite
 */
export async function quantizeInBlocks(
  shape: BlockShape,
  at: (channel: number, k: number) => number,
  options: Pick<BlockOptions, 'bits' | 'symmetric'> & { readonly method: OwnMethod },
  channelDone: () => Promise<void> | void = () => {},
): Promise<BlockWeights> {
  const { channels, k, length } = shape;
  // A byte holds the zero point, whatever the bits.
  const parts = options.method === 'hqq' && !shape.wholeZeroPoints ? 2 ** (8 - options.bits) : 1;
  const weights = emptyBlocks(shape, options, parts);
  const buffer = new Float32Array(length);
  for (let channel = 0; channel < channels; channel++) {
    for (let start = 0; start < k; start += length) {
      const index = channel * weights.blocks + start / length;
      const block = buffer.subarray(0, Math.min(length, k - start));
      for (let i = 0; i < block.length; i++) block[i] = at(channel, start + i);
      const integers = weights.integers.subarray(index * length, (index + 1) * length);
      const grid = METHODS[options.method](block, options, integers, parts);
      weights.scales[index] = grid.scale;
      weights.zeroPoints[index] = grid.zeroPoint * parts;
    }
    await channelDone();
  }
  return weights;
}
