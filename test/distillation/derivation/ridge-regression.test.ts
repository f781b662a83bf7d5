import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addRows, emptyEquations, withGram } from '../../../src/distillation/derivation/normal-equations.js';
import { ridgeRegression, squaredError } from '../../../src/distillation/derivation/ridge-regression.js';
import { seededRandom } from '../../../src/platform/random.js';

const GROUPS = 2;
const [ROWS, P, M] = [50, 5, 3];
const random = seededRandom(4);
const draw = (count: number) => Float64Array.from({ length: count }, () => 2 * random() - 1);
const x = draw(GROUPS * ROWS * P);
const y = draw(GROUPS * ROWS * M);
const initial = draw(GROUPS * P * M);

const equationsOf = (rows: number, xs = x, ys = y) =>
  withGram(1, async (gram) => {
    const equations = emptyEquations(GROUPS, P, M);
    await addRows(gram, equations, { rows, x: xs, y: ys });
    return equations;
  });

/** ‖XW − Y‖² by the definition. */
function residual(w: Float64Array): number {
  let sum = 0;
  for (let g = 0; g < GROUPS; g++)
    for (let row = 0; row < ROWS; row++)
      for (let m = 0; m < M; m++) {
        let value = -(y[(g * ROWS + row) * M + m] ?? 0);
        for (let k = 0; k < P; k++) value += (x[(g * ROWS + row) * P + k] ?? 0) * (w[(g * P + k) * M + m] ?? 0);
        sum += value * value;
      }
  return sum;
}

describe('ridge regression', () => {
  test('leaves no direction in which its objective falls', async () => {
    const equations = await equationsOf(ROWS);
    const ridge = 0.3;
    const w = ridgeRegression(equations, initial, ridge);
    // λ of a group is a share of its mean diagonal, the mean square of X times the rows.
    const lambda = Array.from({ length: GROUPS }, (_, g) => {
      const part = x.subarray(g * ROWS * P, (g + 1) * ROWS * P);
      return (ridge * part.reduce((sum, value) => sum + value * value, 0)) / P;
    });
    const objective = (weights: Float64Array) =>
      residual(weights) +
      weights.reduce(
        (sum, value, i) => sum + (lambda[Math.floor(i / (P * M))] ?? 0) * (value - (initial[i] ?? 0)) ** 2,
        0,
      );
    const best = objective(w);
    for (let i = 0; i < w.length; i++)
      for (const step of [-1e-3, 1e-3]) {
        const moved = Float64Array.from(w);
        moved[i] = (moved[i] ?? 0) + step;
        assert.ok(objective(moved) > best);
      }
  });

  test('finds the weights that made the targets', async () => {
    const truth = draw(GROUPS * P * M);
    const made = new Float64Array(GROUPS * ROWS * M);
    for (let g = 0; g < GROUPS; g++)
      for (let row = 0; row < ROWS; row++)
        for (let m = 0; m < M; m++)
          for (let k = 0; k < P; k++) {
            const at = (g * ROWS + row) * M + m;
            made[at] = (made[at] ?? 0) + (x[(g * ROWS + row) * P + k] ?? 0) * (truth[(g * P + k) * M + m] ?? 0);
          }
    const found = ridgeRegression(await equationsOf(ROWS, x, made), initial, 1e-10);
    found.forEach((value, i) => {
      assert.ok(Math.abs(value - (truth[i] ?? 0)) < 1e-6);
    });
  });

  test('keeps the old weights of inputs that say nothing', async () => {
    const silent = x.map((value, i) => (i % P === 2 ? 0 : value));
    const w = ridgeRegression(await equationsOf(ROWS, silent), initial, 1e-4);
    for (let g = 0; g < GROUPS; g++)
      for (let m = 0; m < M; m++) {
        const at = (g * P + 2) * M + m;
        assert.ok(Math.abs((w[at] ?? 0) - (initial[at] ?? 0)) < 1e-9);
      }
    const nothing = ridgeRegression(emptyEquations(GROUPS, P, M), initial, 1e-4);
    assert.deepEqual(nothing, initial);
  });

  test('errors differ as sums over rows do', async () => {
    const equations = await equationsOf(ROWS);
    const other = draw(GROUPS * P * M);
    const difference = squaredError(equations, other) - squaredError(equations, initial);
    assert.ok(Math.abs(difference - (residual(other) - residual(initial))) < 1e-6 * residual(other));
  });
});
