/** Sums over the rows of a regression: G = XᵀX [g][P][P] and B = XᵀY [g][P][M], in float64. */
export interface NormalEquations {
  readonly groups: number;
  readonly p: number;
  readonly m: number;
  readonly g: Float64Array;
  readonly b: Float64Array;
}

/**
 * The lower Cholesky factor of a symmetric matrix [P, P], row by row; null when it is not positive definite (Golub and Van Loan,
 * "Matrix Computations", algorithm 4.2.1).
 */
function choleskyFactor(a: Float64Array, p: number): Float64Array | null {
  const l = new Float64Array(p * p);
  for (let i = 0; i < p; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i * p + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * p + k] as number) * (l[j * p + k] as number);
      if (i === j && !(sum > 0)) return null;
      l[i * p + j] = i === j ? Math.sqrt(sum) : sum / (l[j * p + j] as number);
    }
  }
  return l;
}

/** Solves L·Lᵀ·X = R for R [P, M], in place. */
function solveFactored(l: Float64Array, p: number, r: Float64Array, m: number): void {
  for (let i = 0; i < p; i++) {
    for (let k = 0; k < i; k++) {
      const factor = l[i * p + k] as number;
      if (factor !== 0)
        for (let c = 0; c < m; c++) r[i * m + c] = (r[i * m + c] as number) - factor * (r[k * m + c] as number);
    }
    for (let c = 0; c < m; c++) r[i * m + c] = (r[i * m + c] as number) / (l[i * p + i] as number);
  }
  for (let i = p - 1; i >= 0; i--) {
    for (let k = i + 1; k < p; k++) {
      const factor = l[k * p + i] as number;
      if (factor !== 0)
        for (let c = 0; c < m; c++) r[i * m + c] = (r[i * m + c] as number) - factor * (r[k * m + c] as number);
    }
    for (let c = 0; c < m; c++) r[i * m + c] = (r[i * m + c] as number) / (l[i * p + i] as number);
  }
}

/** A·W for A [P, P] and W [P, M]. */
function product(a: Float64Array, p: number, w: Float64Array, m: number): Float64Array {
  const result = new Float64Array(p * m);
  for (let i = 0; i < p; i++)
    for (let k = 0; k < p; k++) {
      const factor = a[i * p + k] as number;
      for (let c = 0; c < m; c++) result[i * m + c] = (result[i * m + c] as number) + factor * (w[k * m + c] as number);
    }
  return result;
}

/**
 * Ridge regression towards known weights: W = W₀ + (G + λI)⁻¹(B − G·W₀), which minimizes ‖XW − Y‖² + λ‖W − W₀‖² (Hoerl and
 * Kennard 1970). Inputs that say nothing keep their old weights.
 * @param ridge λ as a share of the mean of G's diagonal, over zero
 * @returns W [g][P][M]; where a group's equations cannot be solved even so, its W₀
 */
export function ridgeRegression(
  { groups, p, m, g, b }: NormalEquations,
  initial: Float64Array,
  ridge: number,
): Float64Array {
  const result = Float64Array.from(initial);
  for (let group = 0; group < groups; group++) {
    const a = g.slice(group * p * p, (group + 1) * p * p);
    const start = result.subarray(group * p * m, (group + 1) * p * m);
    const remainder = product(a, p, start, m);
    for (let i = 0; i < p * m; i++) remainder[i] = (b[group * p * m + i] as number) - (remainder[i] as number);
    let trace = 0;
    for (let i = 0; i < p; i++) trace += a[i * p + i] as number;
    for (let i = 0; i < p; i++) a[i * p + i] = (a[i * p + i] as number) + (ridge * trace) / p;
    const factor = choleskyFactor(a, p);
    if (!factor) continue;
    solveFactored(factor, p, remainder, m);
    for (let i = 0; i < p * m; i++) start[i] = (start[i] as number) + (remainder[i] as number);
  }
  return result;
}

/** Σ over rows and outputs of (XW − Y)², without the constant ΣY²: what of two solutions the better one has less of. */
export function squaredError({ groups, p, m, g, b }: NormalEquations, w: Float64Array): number {
  let error = 0;
  for (let group = 0; group < groups; group++) {
    const weights = w.subarray(group * p * m, (group + 1) * p * m);
    const gw = product(g.subarray(group * p * p, (group + 1) * p * p), p, weights, m);
    for (let i = 0; i < p * m; i++)
      error += (weights[i] as number) * ((gw[i] as number) - 2 * (b[group * p * m + i] as number));
  }
  return error;
}

/** The equations of both sets of rows. */
export const added = (one: NormalEquations, other: NormalEquations): NormalEquations => ({
  ...one,
  g: one.g.map((value, i) => value + (other.g[i] as number)),
  b: one.b.map((value, i) => value + (other.b[i] as number)),
});
