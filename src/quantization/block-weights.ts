import type { QuantizeStep } from '../contracts/quantize-step.js';

/** Weights along K that share a scale and a zero point. */
export const BLOCK = 32;
const LARGEST = 15;
export const MIDDLE = 8;

export type BlockOptions = QuantizeStep['weights'];

/** Weights in 4 bits: real = scale · (integer − zeroPoint), integers 0 to 15, blocks of 32 along K. */
interface BlockWeights {
  /** Blocks per output channel; the last one is filled up. */
  readonly blocks: number;
  /** [channels, blocks · 32], one byte each. */
  readonly integers: Uint8Array<ArrayBuffer>;
  /** [channels, blocks] */
  readonly scales: Float32Array<ArrayBuffer>;
  /** [channels, blocks]; all 8 when symmetric. */
  readonly zeroPoints: Uint8Array<ArrayBuffer>;
}

interface Grid {
  readonly scale: number;
  readonly zeroPoint: number;
}

const clamp = (value: number) => Math.min(LARGEST, Math.max(0, value));
/** Halves away from zero, as C's roundf does; negative values end at 0 anyway. */
const round = (value: number) => Math.floor(value + 0.5);

/** Scale and zero point from the extremes: what MlasQuantizeBlockwise of ONNX Runtime 1.30 gives. */
function gridOf(block: Float32Array, symmetric: boolean): Grid {
  let min = 0;
  let max = 0;
  for (const weight of block) {
    if (!Number.isFinite(weight)) throw new RangeError('a weight is not finite');
    min = Math.min(min, weight);
    max = Math.max(max, weight);
  }
  // The extreme of larger size becomes integer 0, that is −8: the one side that reaches so far.
  if (symmetric)
    return { scale: Math.fround((Math.abs(max) > Math.abs(min) ? max : min) / -MIDDLE), zeroPoint: MIDDLE };
  const scale = Math.fround(Math.fround(max - min) / LARGEST);
  return { scale, zeroPoint: scale === 0 ? 0 : clamp(round(Math.fround(-min / scale))) };
}

/** Writes the nearest integers of a block. @returns the sum of squared errors */
function roundToNearest(block: Float32Array, { scale, zeroPoint }: Grid, integers: Uint8Array): number {
  const reciprocal = scale === 0 ? 0 : Math.fround(1 / scale);
  let error = 0;
  for (let i = 0; i < block.length; i++) {
    const weight = block[i] as number;
    const integer = clamp(round(Math.fround(Math.fround(weight * reciprocal) + zeroPoint)));
    integers[i] = integer;
    error += (weight - scale * (integer - zeroPoint)) ** 2;
  }
  return error;
}

/** Scales to start from, relative to the extremes': clipping the outermost weights makes all others finer. */
const CLIPS = [1, 0.9, 0.8];
const MOST_ITERATIONS = 10;

/**
 * Scale and zero point of least squares while the integers q are held: z = mean(q − W/s), which must be whole, then
 * s = Σ W(q − z) / Σ (q − z)². (The half-quadratic steps of HQQ, without its outlier term, which gained 0.01 dB at most.)
 */
function leastSquares(block: Float32Array, { scale }: Grid, integers: Uint8Array, symmetric: boolean): Grid {
  let sum = 0;
  for (let i = 0; i < block.length; i++) sum += (integers[i] as number) - (block[i] as number) / scale;
  const zeroPoint = symmetric ? MIDDLE : clamp(round(sum / block.length));
  let product = 0;
  let square = 0;
  for (let i = 0; i < block.length; i++) {
    const centred = (integers[i] as number) - zeroPoint;
    product += (block[i] as number) * centred;
    square += centred * centred;
  }
  return { scale: square === 0 ? scale : Math.fround(product / square), zeroPoint };
}

/** Writes one block and gives its grid; `mse` keeps the best that it meets, beginning with `rtn`'s. */
function quantizeBlock(block: Float32Array, { method, symmetric }: BlockOptions, integers: Uint8Array): Grid {
  const nearest = gridOf(block, symmetric);
  let best = nearest;
  let least = roundToNearest(block, best, integers);
  if (method === 'rtn' || nearest.scale === 0) return best;
  const trial = new Uint8Array(block.length);
  for (const clip of CLIPS) {
    let grid: Grid = { ...nearest, scale: Math.fround(nearest.scale * clip) };
    let before = Number.POSITIVE_INFINITY;
    for (let i = 0; i < MOST_ITERATIONS && grid.scale !== 0; i++) {
      const error = roundToNearest(block, grid, trial);
      if (error < least) {
        integers.set(trial);
        best = grid;
        least = error;
      }
      if (error >= before) break;
      before = error;
      grid = leastSquares(block, grid, trial, symmetric);
    }
  }
  return best;
}

/**
 * Weights in 4 bits by blocks along K.
 * @param at the weight `k` of an output channel
 * @throws RangeError when a weight is not finite
 */
export function quantizeInBlocks(
  shape: { readonly channels: number; readonly k: number },
  at: (channel: number, k: number) => number,
  options: BlockOptions,
): BlockWeights {
  const { channels, k } = shape;
  const blocks = Math.ceil(k / BLOCK);
  const integers = new Uint8Array(channels * blocks * BLOCK);
  const scales = new Float32Array(channels * blocks);
  const zeroPoints = new Uint8Array(channels * blocks);
  const buffer = new Float32Array(BLOCK);
  for (let index = 0; index < channels * blocks; index++) {
    const channel = Math.floor(index / blocks);
    const start = (index % blocks) * BLOCK;
    const block = buffer.subarray(0, Math.min(BLOCK, k - start));
    for (let i = 0; i < block.length; i++) block[i] = at(channel, start + i);
    const grid = quantizeBlock(block, options, integers.subarray(index * BLOCK, (index + 1) * BLOCK));
    scales[index] = grid.scale;
    zeroPoints[index] = grid.zeroPoint;
  }
  return { blocks, integers, scales, zeroPoints };
}

/** Pairs of 4-bit integers in one byte, the first in the low half; rows of odd length are filled up. */
export function packNibbles(integers: Uint8Array, rowLength: number, filler = 0): Uint8Array<ArrayBuffer> {
  const rows = integers.length / rowLength;
  const bytes = Math.ceil(rowLength / 2);
  const packed = new Uint8Array(rows * bytes);
  if (rowLength % 2 === 1) for (let row = 1; row <= rows; row++) packed[row * bytes - 1] = filler << 4;
  for (let i = 0; i < integers.length; i++) {
    const column = i % rowLength;
    const at = Math.floor(i / rowLength) * bytes + (column >> 1);
    packed[at] = (packed[at] as number) | (((integers[i] as number) & 15) << (4 * (column & 1)));
  }
  return packed;
}
