import type { BlockWeights } from './block-weights.js';
import type { StoredShape } from './stored-shape.js';

/** A weight as stored in blocks. */
export interface StoredBlocks {
  readonly shape: StoredShape;
  readonly blocks: BlockWeights;
}

/** The weights of a plan that are in few bits, by name. */
export interface BlockedWeights {
  /** As MatMulNBits multiplies them: blocks of 32 along K, the last one filled up. */
  readonly multiplied: ReadonlyMap<string, BlockWeights>;
  /** As they are stored for float arithmetic: in blocks that divide K. */
  readonly stored: ReadonlyMap<string, StoredBlocks>;
}
