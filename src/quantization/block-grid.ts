import { FLOAT32_TINY } from './parameters.js';

/** How a block's weights become few bits. */
export interface GridOptions {
  /** Bits of an integer: integers run from 0 to 2^bits − 1. */
  readonly bits: number;
  /** Keep the zero point in the middle, where it need not be stored. */
  readonly symmetric: boolean;
}

/** The integers that stand for one block: real = scale · (integer − zeroPoint). */
export interface Grid {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** A scale below the normal float32 numbers has no inverse that is one: the block counts as zeros, which keep their sign. */
const orZero = (scale: number): number => (Math.abs(scale) < FLOAT32_TINY ? 0 * scale : scale);

/** The largest integer. */
export const largestInteger = (bits: number): number => 2 ** bits - 1;
/** The zero point when none is stored. */
export const middleInteger = (bits: number): number => 2 ** (bits - 1);

/** Halves away from zero, as C's roundf does; negative values end at 0 anyway. */
export const nearestInteger = (value: number, bits: number): number =>
  Math.min(largestInteger(bits), Math.max(0, Math.floor(value + 0.5)));

/**
 * Scale and zero point from a block's extremes: what MlasQuantizeBlockwise of ONNX Runtime 1.30 gives in 4 bits.
 * @throws RangeError when a weight is not finite
 */
export function gridOf(block: Float32Array, { bits, symmetric }: GridOptions): Grid {
  let min = 0;
  let max = 0;
  for (const weight of block) {
    if (!Number.isFinite(weight)) throw new RangeError('a weight is not finite');
    min = Math.min(min, weight);
    max = Math.max(max, weight);
  }
  const middle = middleInteger(bits);
  // The extreme of larger size becomes integer 0: the one side that reaches as far as −middle.
  if (symmetric)
    return { scale: orZero(Math.fround((Math.abs(max) > Math.abs(min) ? max : min) / -middle)), zeroPoint: middle };
  const scale = orZero(Math.fround(Math.fround(max - min) / largestInteger(bits)));
  return { scale, zeroPoint: scale === 0 ? 0 : nearestInteger(Math.fround(-min / scale), bits) };
}

/** Writes the nearest integers of a block. @returns the sum of squared errors */
export function roundToNearest(
  block: Float32Array,
  { scale, zeroPoint }: Grid,
  bits: number,
  integers: Uint8Array,
): number {
  const reciprocal = scale === 0 ? 0 : Math.fround(1 / scale);
  let error = 0;
  for (let i = 0; i < block.length; i++) {
    const weight = block[i] as number;
    const integer = nearestInteger(Math.fround(Math.fround(weight * reciprocal) + zeroPoint), bits);
    integers[i] = integer;
    error += (weight - scale * (integer - zeroPoint)) ** 2;
  }
  return error;
}
