/** How some channels vary together at one place where layers read them: a symmetric matrix [C, C], row by row. */
export type Covariance = Float64Array;

/** Channels in the order in which they were chosen, and the share of all variance that remains unexplained after each. */
export interface ChannelOrder {
  readonly order: readonly number[];
  readonly unexplained: readonly number[];
}

/** Pivots below this share of the largest say nothing but rounding. */
const NEGLIGIBLE = 1e-10;
/** Gains that differ by a smaller share are equal but for rounding. */
const SAME = 1e-9;

/**
 * Orders channels so that the first k explain, by linear combination, about as much of all others as k channels can: greedy forward
 * selection on the covariance, the column subset selection of Farahat et al. 2011. After each choice the covariance is what the
 * chosen channels leave unexplained (a Cholesky step). Several places count alike, whatever their scale.
 * @param places covariances of the same channels; each is changed
 * @param first channels that are chosen before all others
 */
export function selectChannels(
  count: number,
  places: readonly Covariance[],
  first: readonly number[] = [],
): ChannelOrder {
  const totals = places.map((covariance) => trace(covariance, count) || 1);
  const rest = new Set(Array.from({ length: count }, (_, channel) => channel));
  const order: number[] = [];
  const unexplained: number[] = [];
  while (rest.size > 0) {
    const forced = first[order.length];
    const chosen = forced ?? mostExplaining(count, places, totals, rest);
    rest.delete(chosen);
    order.push(chosen);
    let remaining = 0;
    places.forEach((covariance, place) => {
      deflate(covariance, count, chosen, NEGLIGIBLE * (totals[place] ?? 1));
      remaining += trace(covariance, count) / (totals[place] ?? 1) / places.length;
    });
    unexplained.push(Math.max(0, remaining));
  }
  return { order, unexplained };
}

function trace(matrix: Covariance, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += matrix[i * count + i] as number;
  return sum;
}

/** The channel whose knowledge would take most away from the rest: Σⱼ Rᵢⱼ² / Rᵢᵢ. The earlier of equal ones. */
function mostExplaining(
  count: number,
  places: readonly Covariance[],
  totals: readonly number[],
  rest: ReadonlySet<number>,
): number {
  let [best, most] = [-1, 0];
  for (const i of rest) {
    let gain = 0;
    places.forEach((matrix, place) => {
      const total = totals[place] ?? 1;
      const pivot = matrix[i * count + i] as number;
      if (pivot <= NEGLIGIBLE * total) return;
      let squares = 0;
      for (let j = 0; j < count; j++) squares += (matrix[i * count + j] as number) ** 2;
      gain += squares / pivot / total;
    });
    if (best < 0 || gain > most * (1 + SAME)) [best, most] = [i, gain];
  }
  return best;
}

/** R ← R − r·rᵀ/rᵢᵢ for row i. */
function deflate(matrix: Covariance, count: number, i: number, negligible: number): void {
  const pivot = matrix[i * count + i] as number;
  if (pivot <= negligible) return;
  const row = matrix.slice(i * count, (i + 1) * count);
  for (let a = 0; a < count; a++) {
    const factor = (row[a] as number) / pivot;
    if (factor === 0) continue;
    for (let b = 0; b < count; b++)
      matrix[a * count + b] = (matrix[a * count + b] as number) - factor * (row[b] as number);
  }
}
