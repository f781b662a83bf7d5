/** Nearest integer, halves to the even neighbour: numpy's `rint` and ONNX QuantizeLinear's rule (Math.round takes halves up). */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return fraction < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** `value` rounded half to even and kept within [low, high]. */
export function roundAndClip(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, roundHalfToEven(value)));
}
