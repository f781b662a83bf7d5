import { LARGEST_PAIR } from '../../onnx/saturation.js';
import { roundHalfToEven } from '../rounding.js';
import { LARGEST_INT8, type PlainWeights, type QuantizedWeights, type WeightOptions } from '../weights.js';
import type { SecondMoments } from './second-moments.js';
import { assembled, type Integers, leastScale } from './weight-rows.js';

/** The diagonal grows by this share of its mean, so that what few samples leave open stays near the weights (as in GPTQ). */
const DAMPING = 0.01;
/** Each round goes over all weights once; most changes come in the first. */
const ROUNDS = 4;

/** Bounds of a weight beside its neighbour in a 16-bit sum. */
function bounds(
  integers: Int8Array,
  at: number,
  k: number,
  { avoidSaturation, largest = LARGEST_INT8 }: Pick<WeightOptions, 'avoidSaturation' | 'largest'>,
): readonly [number, number] {
  const partner = at ^ 1;
  if (!avoidSaturation || partner >= k) return [-largest, largest];
  const other = integers[partner] as number;
  return [Math.max(-largest, Math.max(0, -other) - LARGEST_PAIR), Math.min(largest, LARGEST_PAIR - Math.max(0, other))];
}

/** H·v of a symmetric matrix. */
function times(matrix: Float32Array, vector: ArrayLike<number>): Float64Array {
  const k = vector.length;
  const result = new Float64Array(k);
  for (let row = 0; row < k; row++) {
    const factor = vector[row] as number;
    if (factor === 0) continue;
    const start = row * k;
    for (let column = 0; column < k; column++)
      (result[column] as number) += factor * (matrix[start + column] as number);
  }
  return result;
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
};

/**
 * Lowers eᵀ·H·e for one output channel, e = w − s·q, H = E[x·xᵀ]: the expected squared error of its output. By turns each integer goes
 * to where it helps most while the others are held, then the scale to s = qᵀHw / qᵀHq. Never ends higher than it began.
 */
function descend(
  weights: Float64Array,
  matrix: Float32Array,
  start: Integers,
  options: Pick<WeightOptions, 'avoidSaturation' | 'largest'> & {
    readonly leastScale: number;
    readonly fixedScale: boolean;
  },
): Integers {
  const k = weights.length;
  const integers = start.integers.slice();
  let { scale } = start;
  const product = times(matrix, weights);
  const gradient = times(
    matrix,
    weights.map((weight, i) => weight - scale * (integers[i] as number)),
  );
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false;
    for (let i = 0; i < k; i++) {
      const curvature = matrix[i * k + i] as number;
      if (curvature <= 0) continue;
      const [low, high] = bounds(integers, i, k, options);
      const current = integers[i] as number;
      const step = (gradient[i] as number) / (curvature * scale);
      const next = Math.min(high, Math.max(low, current + roundHalfToEven(step)));
      // Bounded on one side, a step may overshoot where half of it would help: only what lowers the error is done.
      const by = next - current;
      if (by === 0 || by * (by - 2 * step) >= 0) continue;
      integers[i] = next;
      moved = true;
      const shift = by * scale;
      const row = i * k;
      for (let j = 0; j < k; j++) (gradient[j] as number) -= shift * (matrix[row + j] as number);
    }
    if (options.fixedScale) {
      if (moved) continue;
      break;
    }
    const size = (dot(integers, product) - dot(integers, gradient)) / scale;
    const better = size > 0 ? Math.fround(dot(integers, product) / size) : scale;
    if (better <= Math.max(0, options.leastScale) || !Number.isFinite(better)) break;
    const inner = gradient.map((value, i) => ((product[i] as number) - value) / scale);
    for (let i = 0; i < k; i++) gradient[i] = (product[i] as number) - better * (inner[i] as number);
    const changed = Math.abs(better / scale - 1) > 1e-4;
    scale = better;
    if (!moved && !changed) break;
  }
  return { scale, integers };
}

/**
 * Weights rounded for what their layer really reads (the objective of AdaRound, Nagel et al., "Up or Down?", 2020, equation 13, solved
 * by coordinate descent, with the scale of each channel as one more unknown).
 * @param from where to begin
 */
export function roundedForInputs(
  plain: PlainWeights,
  from: QuantizedWeights,
  moments: SecondMoments,
  breathe: (steps: number) => Promise<void>,
): Promise<QuantizedWeights> {
  const { options, layout } = plain;
  const { k } = moments;
  const matrices = moments.groups.map((group) => damped(group, k));
  const perGroup = layout.channels / matrices.length;
  return assembled(plain, breathe, k, (rows, index) => {
    let scale = from.scales[index] as number;
    const integers = new Int8Array(rows.weights.length);
    rows.channels.forEach((channel, row) => {
      const start = Int8Array.from({ length: k }, (_, i) => from.integers[layout.index(channel, i)] as number);
      const found = descend(
        rows.weights.slice(row * k, (row + 1) * k),
        matrices[Math.floor(channel / perGroup)] as Float32Array,
        { scale, integers: start },
        {
          ...options,
          leastScale: leastScale(plain, rows),
          fixedScale: rows.channels.length > 1,
        },
      );
      scale = found.scale;
      integers.set(found.integers, row * k);
    });
    return { scale, integers };
  });
}

function damped(matrix: Float32Array, k: number): Float32Array {
  const result = matrix.slice();
  let trace = 0;
  for (let i = 0; i < k; i++) trace += matrix[i * k + i] as number;
  for (let i = 0; i < k; i++) (result[i * k + i] as number) += (DAMPING * trace) / k;
  return result;
}
