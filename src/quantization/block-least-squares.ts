import { type Grid, type GridOptions, gridOf, middleInteger, nearestInteger, roundToNearest } from './block-grid.js';

/** Scales to start from, relative to the extremes': clipping the outermost weights makes all others finer. */
const CLIPS = [1, 0.9, 0.8];
const MOST_ITERATIONS = 10;

/**
 * Scale and zero point of least squares while the integers q are held: z = mean(q − W/s), which must be whole, then
 * s = Σ W(q − z) / Σ (q − z)².
 */
function refit(block: Float32Array, { scale }: Grid, integers: Uint8Array, { bits, symmetric }: GridOptions): Grid {
  let sum = 0;
  for (let i = 0; i < block.length; i++) sum += (integers[i] as number) - (block[i] as number) / scale;
  const zeroPoint = symmetric ? middleInteger(bits) : nearestInteger(sum / block.length, bits);
  let product = 0;
  let square = 0;
  for (let i = 0; i < block.length; i++) {
    const centred = (integers[i] as number) - zeroPoint;
    product += (block[i] as number) * centred;
    square += centred * centred;
  }
  return { scale: square === 0 ? scale : Math.fround(product / square), zeroPoint };
}

/** Writes one block by the least squared error of its weights: the best grid met on the way from that of the extremes. */
export function leastSquares(block: Float32Array, options: GridOptions, integers: Uint8Array): Grid {
  const nearest = gridOf(block, options);
  let best = nearest;
  let least = roundToNearest(block, best, options.bits, integers);
  if (nearest.scale === 0) return best;
  const trial = new Uint8Array(block.length);
  for (const clip of CLIPS) {
    let grid: Grid = { ...nearest, scale: Math.fround(nearest.scale * clip) };
    let before = Number.POSITIVE_INFINITY;
    for (let i = 0; i < MOST_ITERATIONS && grid.scale !== 0; i++) {
      const error = roundToNearest(block, grid, options.bits, trial);
      if (error < least) {
        integers.set(trial);
        best = grid;
        least = error;
      }
      if (error >= before) break;
      before = error;
      grid = refit(block, grid, trial, options);
    }
  }
  return best;
}
