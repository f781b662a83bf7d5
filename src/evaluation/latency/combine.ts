import type { Estimate } from '../statistics/confidence.js';

/** The logarithms of a positive estimate and its ends. */
const logs = ({ value, ci95: [low, high] }: Estimate) => ({
  value: Math.log(value),
  below: Math.log(value / low),
  above: Math.log(high / value),
});

const fromLogs = (value: number, below: number, above: number): Estimate => ({
  value: Math.exp(value),
  ci95: [Math.exp(value - below), Math.exp(value + above)],
});

/*
 * Intervals of sums and differences from separate intervals: Zou and Donner 2008, "Construction of confidence limits about effect
 * measures", Statistics in Medicine 27, 1693-1702, on logarithms. For a sum Σ xᵢ: [Σ xᵢ - sqrt(Σ (xᵢ - lᵢ)²), Σ xᵢ + sqrt(Σ (uᵢ - xᵢ)²)];
 * of -x the ends change places.
 */

/**
 * One estimate of a ratio or a time from rounds of measuring it, each for itself: their geometric mean. The machine's speed may change from
 * round to round and falls out of each ratio, where percentiles over all rounds would be those of the fastest round.
 * @param rounds at least one, all positive
 */
export function overRounds(rounds: readonly Estimate[]): Estimate {
  const all = rounds.map(logs);
  const mean = all.reduce((sum, { value }) => sum + value, 0) / all.length;
  const below = Math.hypot(...all.map((one) => one.below)) / all.length;
  const above = Math.hypot(...all.map((one) => one.above)) / all.length;
  return fromLogs(mean, below, above);
}

/** How many times faster one program is than another, from the speed-ups of both over the same original. */
export function speedupOver(one: Estimate, other: Estimate): Estimate {
  const [a, b] = [logs(one), logs(other)];
  return fromLogs(a.value - b.value, Math.hypot(a.below, b.above), Math.hypot(a.above, b.below));
}
