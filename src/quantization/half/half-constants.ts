import { halfToNumber, numberToHalf } from '../../onnx/ir/numbers.js';
import { elements, type Tensor, tensor } from '../../onnx/ir/tensor.js';

/** The largest finite half, and the smallest that is not zero (a subnormal one). */
export const LARGEST_HALF = 65_504;
export const SMALLEST_HALF = 2 ** -24;

/** The half nearest to a number, but never infinity for a finite one and never zero for any other. */
function clampedHalf(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return numberToHalf(value);
  const magnitude = Math.min(Math.max(Math.abs(value), SMALLEST_HALF), LARGEST_HALF);
  return numberToHalf(Math.sign(value) * magnitude);
}

/** A float32 constant in half precision: nearest, ties to even; numbers out of range become the outermost halves of their sign. */
export function halfConstant(constant: Tensor): Tensor {
  const values = elements(constant, 'float32');
  const halves = new Uint16Array(values.length);
  // Not from(): on millions of weights its iterator takes ten times as long.
  for (let i = 0; i < halves.length; i++) halves[i] = clampedHalf(values[i] as number);
  return tensor('float16', constant.dims, halves);
}

/** What halves make of numbers. */
export interface HalfError {
  /** The largest finite magnitude. */
  readonly largest: number;
  /** Σ(x − half(x))² / Σx²: about 3e-8 for numbers well within range. */
  readonly relativeNoise: number;
  /** The same noise against Σ(x − mean)²: what is left where a reader takes off the offset. 0 for numbers that are all about equal. */
  readonly spreadNoise: number;
  /** Numbers other than 0 that become 0. */
  readonly flushed: number;
}

/** What `halfConstant` makes of a constant. */
export function constantError(constant: Tensor): HalfError {
  const exact = elements(constant, 'float32');
  let [largest, signal, noise] = [0, 0, 0];
  for (let i = 0; i < exact.length; i++) {
    const value = exact[i] as number;
    if (!Number.isFinite(value)) continue;
    largest = Math.max(largest, Math.abs(value));
    signal += value * value;
    noise += (value - halfToNumber(clampedHalf(value))) ** 2;
  }
  return { largest, relativeNoise: signal === 0 ? 0 : noise / signal, spreadNoise: 0, flushed: 0 };
}
