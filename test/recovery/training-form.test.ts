import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { QuantizeStep } from '../../src/contracts/quantize-step.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import { convSumOrder, isExactOnEveryCpu } from '../../src/onnx/saturation.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { startFromFloat } from '../../src/recovery/start-from-float.js';
import { trainingForm } from '../../src/recovery/training-form.js';
import { withSession } from '../../src/runtime/session.js';
import { AVX2, quantize } from '../quantization/fixtures.js';
import { convolutions, pictures, range, relativeDifference } from './fixture.js';

const SAMPLES = pictures(24);
/** What a quantized model gives by the kernels of ONNX Runtime, and what a training graph gives in float. */
async function outputs(model: Model, kernels: boolean): Promise<Tensor> {
  const options = kernels ? {} : { extra: { 'session.disable_quant_qdq': '1' } };
  return withSession(encodeModel(model), { threads: 1, ...options }, async (session) => {
    const y = (await session.run(await SAMPLES.feeds(range(0, 24)), ['y'])).get('y');
    return y ?? assert.fail('no output');
  });
}

/** Schemes, the latents of weights that they must offer, and how far float arithmetic may be from their kernels. */
const cases: readonly {
  readonly step: Partial<QuantizeStep> & Pick<QuantizeStep, 'scheme'>;
  readonly trained: readonly string[];
  /** The weights whose scales nothing else depends on. */
  readonly scales: readonly string[];
  /** A few roundings to the other side, of 255 steps each; what MatMulNBits rounds inside of its kernel is not imitated. */
  readonly tolerance: number;
}[] = [
  { step: { scheme: 'int8_static' }, trained: ['w1', 'w2', 'w3', 'w4', 'b1', 'b4'], scales: [], tolerance: 0.02 },
  {
    step: { scheme: 'int8_static', weight_bits: 4 },
    trained: ['w1', 'w2', 'w3', 'w4', 'b1', 'b4'],
    scales: [],
    tolerance: 0.02,
  },
  { step: { scheme: 'int8_dynamic' }, trained: ['w2', 'w3', 'b4'], scales: ['w2', 'w3', 'w4'], tolerance: 0.02 },
  { step: { scheme: 'int8_weights' }, trained: ['w2', 'w3', 'b1'], scales: ['w2', 'w3', 'w4'], tolerance: 0.02 },
  { step: { scheme: 'int4_weights' }, trained: ['w2', 'w3', 'b1'], scales: ['w2', 'w3', 'w4'], tolerance: 0.02 },
  {
    step: { scheme: 'int4_weights', weights: { bits: 4, method: 'rtn', symmetric: true } },
    trained: ['w2', 'w3'],
    scales: ['w2', 'w3', 'w4'],
    tolerance: 0.02,
  },
  ...(
    [
      [2, 'rtn', true],
      [3, 'rtn', false],
      [3, 'hqq', false],
      [4, 'hqq', false],
      [2, 'gptq', false],
    ] as const
  ).map(([bits, method, symmetric]) => ({
    step: { scheme: 'int4_weights' as const, weights: { bits, method, symmetric } },
    trained: ['w2', 'w3', 'b1'],
    scales: ['w2', 'w3', 'w4'],
    tolerance: 0.03,
  })),
];

describe('a quantized model as a training graph', () => {
  for (const { step, trained, scales, tolerance } of cases) {
    const name = JSON.stringify(step);
    const made = quantize(convolutions(), { only_what_pays: false, ...step }, SAMPLES, {
      count: 16,
      cpu: { instructionSets: AVX2 },
    });

    test(`${name}: gives in float what the integer kernels give`, async () => {
      const { model } = await made;
      const form = trainingForm(model, 'y');
      for (const weight of trained)
        assert.ok(
          form.trained.some((latent) => latent.startsWith(`recovery/${weight}`)),
          `${weight} of ${form.trained}`,
        );
      const difference = relativeDifference(await outputs(model, true), await outputs(form.model, false));
      assert.ok(difference < tolerance, `relative difference ${difference}`);
    });

    test(`${name}: latents as they begin give the same file`, async () => {
      const { model } = await made;
      for (const scales of ['frozen', 'learned'] as const) {
        const form = trainingForm(model, 'y', scales);
        assert.deepEqual(encodeModel(form.quantized(startOf(form))), encodeModel(model));
      }
    });

    test(`${name}: learned scales are those of weights, keep their signs and are all that changes`, async () => {
      const { model, cleaned } = await made;
      const form = trainingForm(model, 'y', 'learned');
      const frozen = new Set(trainingForm(model, 'y').trained);
      const learned = form.trained.filter((latent) => !frozen.has(latent));
      assert.deepEqual(
        learned.map((latent) => /^recovery\/(\w\d)_\w*scale\/latent$/.exec(latent)?.[1]).toSorted(),
        scales,
      );
      await startFromFloat(form.model, form.weights, cleaned);
      const start = startOf(form);
      const moved = new Map(
        learned.map((latent) => [latent, start.get(latent)?.map((_, i) => ((i % 5) - 2) * 4) ?? []]),
      );
      const latents = new Map([
        ...start,
        ...[...moved].map(([latent, values]) => [latent, Float32Array.from(values)] as const),
      ]);
      const changed = form.quantized(latents);
      assert.deepEqual(changed.graph.nodes, model.graph.nodes);
      const different = [...changed.graph.initializers].filter(
        ([constant, { bytes }]) =>
          Buffer.compare(bytes, model.graph.initializers.get(constant)?.bytes ?? Buffer.of()) !== 0,
      );
      assert.equal(different.length, scales.length);
      for (const [constant, after] of different) {
        const before = elements(model.graph.initializers.get(constant) ?? assert.fail(constant), 'float32');
        elements(after, 'float32').forEach((scale, i) => {
          const share = scale / (before[i] ?? Number.NaN);
          const expected = Math.exp((i % 5) - 2);
          assert.ok(before[i] === 0 || Math.abs(share - expected) < 1e-5 * expected, `${constant}: ${share}`);
        });
      }
      const trainedModel = withLatents(form.model, latents);
      const difference = relativeDifference(await outputs(trainedModel, false), await outputs(changed, true));
      assert.ok(difference < tolerance, `relative difference ${difference} after training`);
    });

    test(`${name}: latents may begin where the float weights were, within the step of each integer`, async () => {
      const { model, cleaned } = await made;
      const form = trainingForm(model, 'y');
      const integers = startOf(form);
      await startFromFloat(form.model, form.weights, cleaned);
      assert.deepEqual(encodeModel(form.quantized(startOf(form))), encodeModel(model));
      // Only the weights themselves: zero points stay.
      assert.ok(!form.trained.some((latent) => latent.includes('zero_point')), `${form.trained}`);
      for (const latent of form.weights) {
        const offsets = startOf(form)
          .get(latent)
          ?.map((value, i) => Math.abs(value - (integers.get(latent)?.[i] ?? Number.NaN)));
        const between = offsets?.filter((offset) => offset > 0.05 && offset < 0.45).length ?? 0;
        // Rounding errors of many weights are spread evenly over the half step.
        assert.ok(between > 0.5 * (offsets?.length ?? 0), `${latent}: ${between} of ${offsets?.length}`);
      }
    });

    test(`${name}: trained latents change integers and biases, and nothing else`, async () => {
      const { model } = await made;
      const form = trainingForm(model, 'y');
      const moved = new Map(
        [...startOf(form)].map(([latent, values]) => [latent, values.map((v, i) => v + (i % 5) - 2)]),
      );
      const changed = form.quantized(moved);
      assert.deepEqual(changed.graph.nodes, model.graph.nodes);
      assert.deepEqual([...changed.graph.initializers.keys()], [...model.graph.initializers.keys()]);
      const different: string[] = [];
      for (const [constant, { dtype, dims, bytes }] of changed.graph.initializers) {
        const before = model.graph.initializers.get(constant);
        assert.deepEqual([dtype, dims], [before?.dtype, before?.dims], constant);
        if (!before || Buffer.compare(bytes, before.bytes) !== 0) different.push(constant);
      }
      // Integers of 3 bits lie in two constants.
      assert.ok(different.length >= form.trained.length, `${different}`);
      assert.ok(
        different.every((constant) => !/scale|zero/.test(constant)),
        `${different}`,
      );
      const [expected, actual] = [await outputs(form.model, false), await outputs(changed, true)];
      assert.ok(relativeDifference(expected, actual) > 0.05, 'the change is seen in the outputs');
      const trainedModel = withLatents(form.model, moved);
      const difference = relativeDifference(await outputs(trainedModel, false), actual);
      assert.ok(difference < tolerance, `relative difference ${difference} after training`);
    });
  }

  test('a latent begins at the float weight over the scale of its channel', async () => {
    const { model, cleaned } = await quantize(convolutions(), { scheme: 'int8_weights' }, SAMPLES, { count: 16 });
    const form = trainingForm(model, 'y');
    await startFromFloat(form.model, form.weights, cleaned);
    const latents = startOf(form).get('recovery/w2_stored/latent') ?? assert.fail('w2 is not trained');
    const scales = model.graph.initializers.get('w2_stored_scale') ?? assert.fail('w2 has no scales');
    const weights = convolutions().graph.initializers.get('w2') ?? assert.fail('there is no w2');
    elements(weights, 'float32').forEach((weight, i) => {
      const scale = elements(scales, 'float32')[Math.floor(i / 288)] ?? Number.NaN;
      const expected = Math.min(
        Math.round(weight / scale) + 0.49,
        Math.max(Math.round(weight / scale) - 0.49, weight / scale),
      );
      assert.ok(Math.abs((latents[i] ?? Number.NaN) - expected) < 1e-2, `weight ${i}: ${latents[i]}, not ${expected}`);
    });
  });

  test('a weight that was rounded to another integer than the nearest begins on that integer', async () => {
    const { model, cleaned } = await quantize(convolutions(), { scheme: 'int8_weights' }, SAMPLES, { count: 16 });
    const stored = model.graph.initializers.get('w2_stored') ?? assert.fail('w2 is not stored');
    const integers = elements(stored, 'int8');
    const starts = async () => {
      const form = trainingForm(model, 'y');
      await startFromFloat(form.model, form.weights, cleaned);
      return startOf(form).get('recovery/w2_stored/latent') ?? assert.fail('w2 is not trained');
    };
    const nearest = await starts();
    // As GPTQ does: every fourth integer is the next one.
    const moved = integers.map((integer, i) => (i % 4 === 0 && integer < 127 ? integer + 1 : integer));
    model.graph.initializers.set('w2_stored', tensor('int8', stored.dims, moved));
    const others = await starts();
    let otherwise = 0;
    moved.forEach((integer, i) => {
      const [before = Number.NaN, after = Number.NaN] = [nearest[i], others[i]];
      // In the middle between two integers, both are the nearest.
      if (integer !== integers[i] && before - (integers[i] ?? 0) > 0.48) return;
      if (integer !== integers[i]) otherwise++;
      assert.equal(after, integer === integers[i] ? before : integer, `weight ${i}`);
    });
    assert.ok(otherwise > integers.length / 5, `${otherwise} of ${integers.length}`);
  });

  test('running statistics go back under their own names', async () => {
    const { model } = await quantize(convolutions(), { scheme: 'int8_weights' }, SAMPLES, { count: 16 });
    const mean = floats([1, 2, 3], [3]);
    const normalized = { ...model, graph: { ...model.graph, initializers: new Map(model.graph.initializers) } };
    normalized.graph.initializers.set('running_mean', mean);
    const changed = trainingForm(normalized, 'y').quantized(new Map([['running_mean', Float32Array.of(4, 5, 6)]]));
    assert.deepEqual(changed.graph.initializers.get('running_mean'), floats([4, 5, 6], [3]));
  });

  test('integers that no CPU saturates stay so, whatever training wants', async () => {
    const { model } = await quantize(convolutions(), { scheme: 'int8_static', only_what_pays: false }, SAMPLES, {
      count: 16,
      cpu: { instructionSets: AVX2 },
    });
    const form = trainingForm(model, 'y');
    const large = new Map([...startOf(form)].map(([latent, values]) => [latent, values.map((v) => v + 60)]));
    const weight = form.quantized(large).graph.initializers.get('w2_int8') ?? assert.fail('w2 is not stored');
    assert.ok(isExactOnEveryCpu(weight, convSumOrder(4)));
    assert.ok(elements(weight, 'int8').every((integer) => Math.abs(integer) <= 127));
  });
});

const startOf = ({ model, trained }: ReturnType<typeof trainingForm>) =>
  new Map(
    trained.map((latent): [string, Float32Array] => {
      const start = model.graph.initializers.get(latent) ?? assert.fail(`no ${latent}`);
      return [latent, Float32Array.from(elements(start, 'float32'))];
    }),
  );

function withLatents(model: Model, latents: ReadonlyMap<string, Float32Array>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, values] of latents) initializers.set(name, floats(values, initializers.get(name)?.dims));
  return { ...model, graph: { ...model.graph, initializers } };
}
