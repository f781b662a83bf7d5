import { roundAndClip } from './rounding.js';

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;
/** Head room of the overflow guard over the exact bound, so that rounding of the scale cannot undo it. */
const GUARD_MARGIN = 1.0001;

/** An int32 bias: real = scales[channel] · integers; scales are float32(input scale · weight scale), zero point 0. */
export interface QuantizedBias {
  readonly integers: Int32Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
}

/** The smallest weight scale with which |bias| / (input scale · weight scale) still fits int32 (ONNX Runtime issue 11415). */
export function leastWeightScale(bias: number, inputScale: number): number {
  return (GUARD_MARGIN * 2 * Math.abs(bias)) / ((2 ** 32 - 2) * inputScale);
}

/**
 * The bias of an integer Conv or Gemm. Scales are the float32 product of the *stored* scales: ONNX Runtime fuses the bias only when they
 * agree with it. The division is in float64, rounded half to even and clipped to int32.
 */
export function quantizeBias(
  bias: Float32Array | Float64Array,
  inputScale: number,
  weightScales: Float32Array<ArrayBuffer>,
): QuantizedBias {
  const scales = weightScales.map((scale) => Math.fround(Math.fround(inputScale) * scale));
  const integers = new Int32Array(bias.length);
  for (let channel = 0; channel < bias.length; channel++) {
    const scale = scales[scales.length === 1 ? 0 : channel] as number;
    integers[channel] = roundAndClip((bias[channel] as number) / scale, INT32_MIN, INT32_MAX);
  }
  return { integers, scales };
}
