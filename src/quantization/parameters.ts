import type { Activations, ActivationType } from '../contracts/activations.js';
import { roundHalfToEven } from './rounding.js';

/** A real interval that a tensor's values lie in. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** The integers that a number format may use. */
export interface IntegerRange {
  readonly min: number;
  readonly max: number;
}
export const UINT8: IntegerRange = { min: 0, max: 255 };

/** How activations are stored: the type, the integers of it that are used, and whether 0 is always the middle one. */
export interface ActivationFormat {
  readonly dtype: 'uint8' | 'int8' | 'uint16' | 'int16';
  readonly integers: IntegerRange;
  readonly symmetric: boolean;
}

const FORMATS: Readonly<Record<ActivationType, Pick<ActivationFormat, 'dtype' | 'integers'>>> = {
  u8: { dtype: 'uint8', integers: UINT8 },
  s8: { dtype: 'int8', integers: { min: -128, max: 127 } },
  u16: { dtype: 'uint16', integers: { min: 0, max: 65_535 } },
  s16: { dtype: 'int16', integers: { min: -32_768, max: 32_767 } },
};

/** Signed integers of symmetric ranges leave the lowest one out, so that 0 is exactly in the middle. */
export function activationFormat({ type, symmetric }: Activations): ActivationFormat {
  const { dtype, integers } = FORMATS[type];
  const middle = symmetric && integers.min < 0;
  return { dtype, integers: middle ? { ...integers, min: -integers.max } : integers, symmetric };
}

export const U8 = activationFormat({ type: 'u8', symmetric: false });

/** real = scale · (integer − zeroPoint); `scale` is a float32 value. */
export interface QuantizationParameters {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** The smallest normal float32; a smaller scale would be zero or a denormal, so the tensor counts as constant zero. */
export const FLOAT32_TINY = 2 ** -126;

/**
 * Scale and zero point of a range, as `compute_scale_zp` of ONNX Runtime 1.30's quantization tool gives them: the range is widened to
 * hold 0; scale = float32(float64(max − min) / (qmax − qmin)); the zero point uses the float64 scale, rounded half to even.
 * @throws RangeError when the range is not finite or is upside down.
 */
export function quantizationParameters(
  range: Range,
  integers: IntegerRange,
  options: { readonly symmetric: boolean },
): QuantizationParameters {
  if (!Number.isFinite(range.min) || !Number.isFinite(range.max) || range.min > range.max) {
    throw new RangeError(`[${range.min}, ${range.max}] is not a finite range`);
  }
  let min = Math.fround(Math.min(range.min, 0));
  let max = Math.fround(Math.max(range.max, 0));
  if (options.symmetric) {
    max = Math.max(-min, max);
    min = -max;
  }
  const scale = Math.fround(max - min) / (integers.max - integers.min);
  if (!Number.isFinite(scale)) throw new RangeError(`[${min}, ${max}] is too wide for a float32 scale`);
  if (scale < FLOAT32_TINY) return { scale: 1, zeroPoint: 0 };
  const zeroPoint = options.symmetric
    ? roundHalfToEven((integers.min + integers.max) / 2)
    : roundHalfToEven(integers.min - min / scale);
  return { scale: Math.fround(scale), zeroPoint };
}
