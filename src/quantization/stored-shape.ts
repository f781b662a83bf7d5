import type { BlockOptions } from './block-weights.js';
import type { WeightOperand } from './weight-operands.js';

/**
 * Lengths of a stored block, the best first: near 32, a divisor of K, and a multiple of 8 where there is one, since 2 and 3 bits fill whole
 * bytes only by eights. Shorter ones would spend too much on scales.
 */
const EIGHTS = [32, 24, 16, 40, 48];
const OTHERS = [31, 30, 29, 28, 27, 26, 25, 23, 22, 21, 20, 19, 18, 17];

/** How a weight lies in memory as channels times K, and the length of the blocks that it is stored in. */
export interface StoredShape {
  readonly channels: number;
  readonly k: number;
  readonly length: number;
  /** [channels, K] in memory, else [K, channels]. */
  readonly channelsFirst: boolean;
  /** They are restored as floats. */
  readonly wholeZeroPoints: false;
}

/** The shape in which a weight can be stored in blocks; null when no block length divides K or the channels lie in the middle. */
export function storedShape({ tensor: { dims }, layout: { axis, channels, k } }: WeightOperand): StoredShape | null {
  const channelsFirst = axis === 0 && channels === dims[0];
  if (!channelsFirst && axis !== dims.length - 1) return null;
  const length = [...EIGHTS, ...OTHERS].find((each) => k % each === 0);
  return length === undefined ? null : { channels, k, length, channelsFirst, wholeZeroPoints: false };
}

/** Where weight `k` of a channel lies in memory. */
export const storedIndex =
  ({ channels, k, channelsFirst }: StoredShape) =>
  (channel: number, position: number): number =>
    channelsFirst ? channel * k + position : position * channels + channel;

/**
 * From this many weights on, integers of 2 and 3 bits are packed tightly; below, the nodes that unpack them take more bytes than they save
 * over the 4-bit type (about 140 and 500).
 */
const LEAST_PACKED = { 2: 560, 3: 4000, 4: Number.POSITIVE_INFINITY } as const;

/** Whether integers of 2 or 3 bits are packed as such; else each takes the 4 bits of the type uint4. */
export const isPacked = ({ channels, k, length }: StoredShape, bits: BlockOptions['bits']): boolean =>
  length % 8 === 0 && channels * k >= LEAST_PACKED[bits];
