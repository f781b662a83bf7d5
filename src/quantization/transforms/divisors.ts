/** Channels that hardly ever say anything would be stretched without end: at most this many times, about what 8 bits can tell. */
const LARGEST_STRETCH = 256;

/**
 * By what each channel is divided so that quantization loses least: s_c = a_c^α / w_c^(1−α) (Xiao et al., "SmoothQuant", 2022, equation 4),
 * with a_c the largest magnitude of the channel and w_c that of the weights which read it. α says how much of the difference between
 * channels moves into the weights; 1 makes all channels equally large. The geometric mean of all s is 1. Channels that are always 0, or
 * that nothing reads, keep theirs.
 */
export function divisors(magnitudes: ArrayLike<number>, weights: ArrayLike<number>, alpha: number): Float64Array {
  const largest = Array.from(magnitudes).reduce((most, size) => Math.max(most, size), 0);
  const logarithms = Float64Array.from(magnitudes, (size, channel) => {
    const weight = weights[channel] as number;
    if (size === 0 || weight === 0) return Number.NaN;
    return alpha * Math.log(Math.max(size, largest / LARGEST_STRETCH)) - (1 - alpha) * Math.log(weight);
  });
  const live = logarithms.filter((value) => Number.isFinite(value));
  const mean = live.reduce((sum, value) => sum + value, 0) / Math.max(1, live.length);
  return logarithms.map((value) => (Number.isFinite(value) ? Math.exp(value - mean) : 1));
}
