import { type Grid, gridOf, nearestInteger } from './block-grid.js';
import { type BlockOptions, type BlockShape, type BlockWeights, emptyBlocks } from './block-weights.js';

/** What is added to the diagonal of the Hessian, relative to its mean, so that it can be inverted: GPTQ's own default. */
const DAMPING = 0.01;

/** The Hessian of a layer's squared output error: H = Σ x xᵀ over calibration inputs, K x K, by rows. */
export interface Hessian {
  readonly k: number;
  readonly values: Float64Array;
}

/** Inputs in the order in which their weights are rounded: those that carry most come first, while others can still make up for them. */
function heaviestFirst({ k, values }: Hessian): Int32Array {
  const order = Int32Array.from({ length: k }, (_, i) => i);
  return order.sort((a, b) => (values[b * k + b] as number) - (values[a * k + a] as number) || a - b);
}

/**
 * U, upper triangular with H⁻¹ = Uᵀ U, of the damped Hessian in the given order. H = R Rᵀ with R upper triangular, from the last row up, so
 * U = R⁻¹: one factorisation, where a Cholesky factor of the inverse would take two and the inverse.
 */
async function inverseFactor(
  { k, values }: Hessian,
  order: Int32Array,
  breathe: (steps: number) => Promise<void>,
): Promise<Float64Array> {
  const r = new Float64Array(k * k);
  let mean = 0;
  for (let i = 0; i < k; i++) mean += (values[i * k + i] as number) / k;
  for (let i = 0; i < k; i++) {
    const from = (order[i] as number) * k;
    for (let j = i; j < k; j++) r[i * k + j] = values[from + (order[j] as number)] as number;
    // An input that was always zero: nothing to make up for, so its weights are rounded to nearest.
    (r[i * k + i] as number) += (values[from + (order[i] as number)] === 0 ? 1 : 0) + DAMPING * mean;
  }
  for (let j = k - 1; j >= 0; j--) {
    const row = j * k;
    for (let i = j; i >= 0; i--) {
      const other = i * k;
      let sum = r[other + j] as number;
      for (let p = j + 1; p < k; p++) sum -= (r[other + p] as number) * (r[row + p] as number);
      r[other + j] = i === j ? Math.sqrt(sum) : sum / (r[row + j] as number);
    }
    await breathe((k - j) * j);
  }
  // R⁻¹ in place, from the last row up: row i of U is (e_i − Σ_{p>i} R_ip U_p) / R_ii.
  const u = new Float64Array(k);
  for (let i = k - 1; i >= 0; i--) {
    const row = i * k;
    const diagonal = r[row + i] as number;
    u.fill(0);
    u[i] = 1;
    for (let p = i + 1; p < k; p++) {
      const factor = r[row + p] as number;
      const below = p * k;
      for (let j = p; j < k; j++) (u[j] as number) -= factor * (r[below + j] as number);
    }
    for (let j = i; j < k; j++) r[row + j] = (u[j] as number) / diagonal;
    await breathe((k - i) ** 2 / 2);
  }
  return r;
}

/** Whether a Hessian says anything: one that overflowed in float32, or is none, does not. */
export function isSound({ k, values }: Hessian): boolean {
  for (let i = 0; i < k; i++) if (!((values[i * k + i] as number) >= 0)) return false;
  return values.every(Number.isFinite);
}

/** Without a sound Hessian every weight is rounded to nearest. */
const positive = (hessian: Hessian): Hessian =>
  isSound(hessian) ? hessian : { k: hessian.k, values: new Float64Array(hessian.k ** 2) };

/**
 * Rounds weights one input after the other, and lets the inputs that are still open make up for the error on the calibration inputs
 * (Frantar et al., "GPTQ", 2022; order by activation and grids fixed beforehand, from the weights' extremes): for input i, e = (w_i − ŵ_i) / U_ii and w_j −= e · U_ij for all j after it.
 * @param hessianOf the Hessian of an output channel's inputs; channels that share one must be neighbours
 * @param at the weight `k` of an output channel
 * @throws RangeError when a weight is not finite
 */
export async function quantizeByGptq(
  shape: BlockShape,
  at: (channel: number, k: number) => number,
  hessianOf: (channel: number) => Hessian,
  options: BlockOptions,
  breathe: (steps: number) => Promise<void>,
): Promise<BlockWeights> {
  const { channels, k, length } = shape;
  const result = emptyBlocks(shape, options);
  const { blocks, integers, scales, zeroPoints } = result;
  let hessian: Hessian | undefined;
  let order: Int32Array = new Int32Array(0);
  let factor: Float64Array = new Float64Array(0);
  const open = new Float64Array(k);
  for (let channel = 0; channel < channels; channel++) {
    if (hessianOf(channel) !== hessian) {
      hessian = hessianOf(channel);
      order = heaviestFirst(hessian);
      factor = await inverseFactor(positive(hessian), order, breathe);
    }
    const weights = Float32Array.from({ length: k }, (_, i) => at(channel, i));
    const grids = Array.from({ length: blocks }, (_, block): Grid => {
      const grid = gridOf(weights.subarray(block * length, (block + 1) * length), options);
      scales[channel * blocks + block] = grid.scale;
      zeroPoints[channel * blocks + block] = grid.zeroPoint;
      return grid;
    });
    for (let i = 0; i < k; i++) open[i] = weights[order[i] as number] as number;
    for (let i = 0; i < k; i++) {
      const position = order[i] as number;
      const { scale, zeroPoint } = grids[Math.floor(position / length)] as Grid;
      const weight = open[i] as number;
      const integer = scale === 0 ? zeroPoint : nearestInteger(weight / scale + zeroPoint, options.bits);
      integers[channel * blocks * length + position] = integer;
      const error = (weight - scale * (integer - zeroPoint)) / (factor[i * k + i] as number);
      const row = i * k;
      for (let j = i + 1; j < k; j++) (open[j] as number) -= error * (factor[row + j] as number);
    }
    await breathe((k * k) / 2);
  }
  return result;
}
