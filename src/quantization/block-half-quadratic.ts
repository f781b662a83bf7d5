import { type Grid, type GridOptions, gridOf, nearestInteger, roundToNearest } from './block-grid.js';

/** HQQ's own defaults: the norm of the error, the weight of the split and its growth, and how many rounds at most. */
const NORM = 0.7;
const FIRST_BETA = 10;
const GROWTH = 1.01;
const MOST_ROUNDS = 20;
/** Keeps a power of zero finite. */
const TINY = 1e-8;

const nearestPart = (value: number, parts: number, bits: number) =>
  Math.min(2 ** bits - 1 / parts, Math.max(0, Math.floor(value * parts + 0.5) / parts));

/** The proximal step of the norm: errors that are small against β become 0, larger ones shrink. */
function shrink(error: number, beta: number): number {
  const size = Math.abs(error);
  return Math.sign(error) * Math.max(0, size - (size + TINY) ** (NORM - 1) / beta);
}

/**
 * Writes one block with the zero point of half-quadratic quantization (Badri and Shaji, "HQQ", 2023), without data. The scale is that of the
 * extremes; the error is split in outliers e = shrink(W − Ŵ) and the rest, and z = mean(q − (W − e) / s) in turn, while Σ |W − Ŵ|
 * falls.
 * @param parts in how many parts a step of the zero point is stored
 */
export function halfQuadratic(block: Float32Array, options: GridOptions, integers: Uint8Array, parts: number): Grid {
  const { bits } = options;
  const first = gridOf(block, options);
  const { scale } = first;
  let best = first;
  if (scale !== 0) {
    let zeroPoint = first.zeroPoint;
    let least = Number.POSITIVE_INFINITY;
    let beta = FIRST_BETA;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      let sum = 0;
      let error = 0;
      for (const weight of block) {
        const integer = nearestInteger(weight / scale + zeroPoint, bits);
        const lost = weight - scale * (integer - zeroPoint);
        sum += integer - (weight - shrink(lost, beta)) / scale;
        error += Math.abs(lost);
      }
      if (error >= least) break;
      least = error;
      best = { scale, zeroPoint: nearestPart(zeroPoint, parts, bits) };
      zeroPoint = sum / block.length;
      beta *= GROWTH;
    }
  }
  roundToNearest(block, best, bits, integers);
  return best;
}
