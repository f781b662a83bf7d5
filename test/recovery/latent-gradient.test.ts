import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { packBits } from '../../src/quantization/pack-bits.js';
import { trainingForm } from '../../src/recovery/training-form.js';
import { withSession } from '../../src/runtime/session.js';
import { network } from '../distillation/networks.js';

const [N, K, M] = [3, 4, 2];
const X = [0.5, -1, 2, 0.25, -0.75, 1, 0.5, 1.5, 1, 0, -2, 0.5];
const TARGET = [0.3, -0.2, 1, 0.4, -0.6, 0.9];
/** uint4 weights [K, M] with a scale per column and the zero point 8; 0 and 15 lie at the ends. */
const INTEGERS = [3, 8, 0, 12, 15, 5, 9, 7];
const SCALES = [0.1, 0.25];
/** Where training has moved the latents to: the fifth beyond the last integer. */
const MOVED = [0.4, -0.3, 0.2, 0.45, 0.6, -0.1, 0, 0.49];

/** x · (scale · (q − 8)). */
function product() {
  const nodes = [
    node('Cast', ['q'], ['cast'], { attributes: { to: 1 } }),
    node('Sub', ['cast', 'zero'], ['centred']),
    node('Mul', ['centred', 'scale'], ['w']),
    node('MatMul', ['x', 'w'], ['y']),
  ];
  const model = network(
    nodes,
    {
      q: { dtype: 'uint4', dims: [K, M], bytes: packBits(Uint8Array.from(INTEGERS), 4) },
      zero: floats([8], []),
      scale: floats(SCALES, [1, M]),
    },
    ['N', K],
    ['N', M],
  );
  model.opsets.set('', 21);
  return model;
}

test('the gradient by the latent of a scale is that of the loss, and the scale stays positive', async () => {
  const form = trainingForm(product(), 'y', 'learned');
  assert.deepEqual(form.trained, ['recovery/q/latent', 'recovery/scale/latent']);
  assert.deepEqual(form.weights, ['recovery/q/latent']);
  const program = await trainingProgram(form.model, {
    sample: new Map([['x', floats(X, [N, K])]]),
    ...{ output: 'y', loss: lossPlan({ kind: 'mse' }), teacherDims: [N, M], trained: form.trained },
  });
  const gradient = program.gradients.get('recovery/scale/latent') ?? assert.fail('no gradient');
  await withSession(program.bytes, { threads: 1 }, async (session) => {
    const at = async (latents: readonly number[]) => {
      const feeds = new Map<string, Tensor>([
        ['x', floats(X, [N, K])],
        [TARGETS.teacher, floats(TARGET, [N, M])],
        ['recovery/q/latent', floats(INTEGERS, [K, M])],
        ['recovery/scale/latent', floats(latents, [1, M])],
      ]);
      const results = await session.run(feeds, [gradient, program.loss]);
      const read = (name: string) => [...elements(results.get(name) ?? assert.fail(name), 'float32')];
      return { gradient: read(gradient), loss: read(program.loss)[0] ?? Number.NaN };
    };
    const start = [0.7, -1.2];
    const { gradient: computed } = await at(start);
    for (const [i, each] of computed.entries()) {
      const moved = (by: number) => at(start.map((latent, j) => (i === j ? latent + by : latent)));
      const [after, before] = [await moved(0.02), await moved(-0.02)];
      const expected = (after.loss - before.loss) / 0.04;
      assert.ok(Math.abs(each - expected) < 2e-3 * Math.abs(expected), `${each}, by differences ${expected}`);
    }
  });
  const far = form.quantized(new Map([['recovery/scale/latent', Float32Array.of(-40, 8)]]));
  const scales = elements(far.graph.initializers.get('scale') ?? assert.fail('no scale'), 'float32');
  assert.ok(scales.every((scale) => scale > 0) && (scales[1] ?? 0) > 1, `${scales}`);
});

test('the gradient by a latent is that of the mean squared error by the weight, times the step of its grid', async () => {
  const form = trainingForm(product(), 'y');
  assert.deepEqual(form.trained, ['recovery/q/latent']);
  const latents = INTEGERS.map((integer, i) => integer + (MOVED[i] ?? 0));
  const program = await trainingProgram(form.model, {
    sample: new Map([['x', floats(X, [N, K])]]),
    ...{ output: 'y', loss: lossPlan({ kind: 'mse' }), teacherDims: [N, M], trained: form.trained },
  });
  const gradient = program.gradients.get('recovery/q/latent') ?? assert.fail('no gradient');
  const feeds = new Map<string, Tensor>([
    ['x', floats(X, [N, K])],
    [TARGETS.teacher, floats(TARGET, [N, M])],
    ['recovery/q/latent', floats(latents, [K, M])],
  ]);
  const results = await withSession(program.bytes, { threads: 1 }, (session) =>
    session.run(feeds, [gradient, program.loss]),
  );

  // By hand: L = mean((x·Ŵ − t)²), Ŵ = scale · (round(clip(u)) − 8); dL/dŴ = 2/(N·M) · xᵀ(x·Ŵ − t); dL/du = scale · dL/dŴ inside.
  const weight = (k: number, m: number) =>
    (SCALES[m] ?? 0) * (Math.min(15, Math.max(0, Math.round(latents[k * M + m] ?? 0))) - 8);
  const error = (n: number, m: number) =>
    Array.from({ length: K }, (_, k) => (X[n * K + k] ?? 0) * weight(k, m)).reduce((a, b) => a + b, 0) -
    (TARGET[n * M + m] ?? 0);
  const byHand = latents.map((latent, i) => {
    const [k, m] = [Math.floor(i / M), i % M];
    const byWeight = Array.from({ length: N }, (_, n) => (X[n * K + k] ?? 0) * error(n, m)).reduce((a, b) => a + b, 0);
    return latent > -0.499 && latent < 15.499 ? (2 / (N * M)) * byWeight * (SCALES[m] ?? 0) : 0;
  });
  const computed = elements(results.get(gradient) ?? assert.fail('no gradient'), 'float32');
  byHand.forEach((expected, i) => {
    assert.ok(
      Math.abs((computed[i] ?? Number.NaN) - expected) < 1e-5,
      `latent ${i}: ${computed[i]}, by hand ${expected}`,
    );
  });
  assert.equal(computed[4], 0);
  const loss = elements(results.get(program.loss) ?? assert.fail('no loss'), 'float32')[0] ?? Number.NaN;
  const squares = TARGET.map((_, i) => error(Math.floor(i / M), i % M) ** 2).reduce((a, b) => a + b, 0) / (N * M);
  assert.ok(Math.abs(loss - squares) < 1e-5);
});
