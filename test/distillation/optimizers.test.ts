import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptimizerSpec } from '../../src/contracts/distill-step.js';
import { clipGradients } from '../../src/distillation/optimizers/clip-gradients.js';
import { createOptimizer } from '../../src/distillation/optimizers/create-optimizer.js';
import { learningRateAt } from '../../src/distillation/optimizers/schedule.js';
import { golden } from './golden.js';

const arrays = (stored: Readonly<Record<string, readonly number[]>>) =>
  new Map(Object.entries(stored).map(([name, values]) => [name, Float32Array.from(values)]));
const near = (found: ReadonlyMap<string, Float32Array>, wanted: Readonly<Record<string, readonly number[]>>) => {
  for (const [name, values] of Object.entries(wanted))
    values.forEach((value, i) => {
      const own = found.get(name)?.[i] ?? Number.NaN;
      assert.ok(Math.abs(own - value) <= 2e-6 + 1e-5 * Math.abs(value), `${name}[${i}]: ${own}, PyTorch ${value}`);
    });
};
const startWeights = () =>
  arrays(Object.fromEntries(Object.entries(golden.weights).map(([name, { values }]) => [name, values])));

describe(`optimizer steps of ${golden.source}`, () => {
  for (const { spec, weights: expected } of golden.optimizers) {
    test(JSON.stringify(spec), () => {
      const weights = startWeights();
      const optimizer = createOptimizer(OptimizerSpec.parse(spec), weights, (name) => name === 'matrix');
      golden.gradients.forEach((gradients, step) => {
        optimizer.step(weights, arrays(gradients), golden.learning_rates[step] ?? Number.NaN);
      });
      assert.equal(optimizer.steps, golden.gradients.length);
      near(weights, expected);
    });
  }

  test('clipping by the common norm', () => {
    const { limit, norm, gradients: expected } = golden.clipped;
    const gradients = arrays(golden.gradients[0] ?? {});
    assert.ok(Math.abs(clipGradients(gradients, limit) - norm) < 1e-6);
    near(gradients, expected);
    const small = arrays({ w: [0.3, 0.4] });
    clipGradients(small, 0.5001);
    near(small, { w: [0.3, 0.4] });
  });
});

/** Rates at steps 0, 1, 2, … of 10 with a peak of 1 and two steps of warm-up. */
const schedules = {
  constant: [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  linear: [0.5, 1, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125],
  cosine: [0.5, 1, 1, 0.96194, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.03806],
} as const;
for (const [kind, rates] of Object.entries(schedules)) {
  test(`the ${kind} schedule`, () => {
    rates.forEach((rate, step) => {
      const found = learningRateAt(step, 10, { kind: kind as keyof typeof schedules, peak: 1, warmupSteps: 2 });
      assert.ok(Math.abs(found - rate) < 1e-5, `step ${step}: ${found}`);
    });
  });
}
