/** From here on doubles have no fractions, so adding it rounds: by the processor's own rule, halves to the even neighbour. */
const WHOLE_FROM = 2 ** 52;

/** Nearest integer, halves to the even neighbour: numpy's `rint` and ONNX QuantizeLinear's rule (Math.round takes halves up). */
export function roundHalfToEven(value: number): number {
  if (!(Math.abs(value) < WHOLE_FROM)) return value;
  return value < 0 ? value - WHOLE_FROM + WHOLE_FROM : value + WHOLE_FROM - WHOLE_FROM;
}

/** `value` rounded half to even and kept within [low, high]. */
export function roundAndClip(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, roundHalfToEven(value)));
}
