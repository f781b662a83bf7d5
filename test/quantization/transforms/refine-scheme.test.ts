import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuantizeStep } from '../../../src/contracts/quantize-step.js';
import { type Model, node } from '../../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { earnsItsPlace } from '../../../src/quantization/transforms/earns-its-place.js';
import { smallModel } from '../../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from '../fixtures.js';

const random = (dims: readonly number[], seed: number) => randomTensors(dims, 1, seed)[0] as Tensor;
const image = [1, 16, 6, 6];
/** One channel is far larger than the others, and the stem makes it as large as they are: its input does not fit 8 bits well. */
const LOUD = 50;
const images = randomTensors(image, 12, 5).map((tensor) =>
  floats(
    elements(tensor, 'float32').map((value, i) => (i < 36 ? value * LOUD : value)),
    image,
  ),
);

const signs = (dims: readonly number[], seed: number) =>
  floats(elements(random(dims, seed), 'float32').map(Math.sign), dims);

/** Output channels whose sizes are 1, 10, 100, … times each other's. */
function uneven(dims: readonly number[], seed: number, factor: number): Tensor {
  const inner = dims.slice(1).reduce((product, dim) => product * dim, 1);
  return floats(
    elements(random(dims, seed), 'float32').map((value, i) => value * factor ** (Math.floor(i / inner) % 3)),
    dims,
  );
}

/** The weights of the second layer undo what those of the first do, so that all channels matter equally. */
function network(): Model {
  const first = uneven([16, 16, 1, 1], 11, 20);
  const stem = elements(random([16, 16, 1, 1], 10), 'float32').map((value, i) => (i % 16 === 0 ? value / LOUD : value));
  const second = elements(random([16, 16, 1, 1], 12), 'float32').map((value, i) => value / 20 ** ((i % 16) % 3));
  return smallModel({
    nodes: [
      node('Conv', ['x', 'stem'], ['s'], { name: 'stem' }),
      node('Sigmoid', ['s'], ['g']),
      node('Conv', ['g', 'first'], ['c'], { name: 'first' }),
      node('Relu', ['c'], ['r']),
      node('Conv', ['r', 'second'], ['y'], { name: 'second' }),
    ],
    inputs: { x: ['float32', image] },
    outputs: { y: ['float32', null] },
    constants: { stem: floats(stem, [16, 16, 1, 1]), first, second: floats(second, [16, 16, 1, 1]) },
  });
}

const base = {
  scheme: 'int8_static' as const,
  only_what_pays: false,
  calibration: { method: 'mean_minmax' as const, samples: 8 },
};
const run = (model: Model, step: Partial<QuantizeStep>, samples = samplesOf('x', images)) =>
  quantize(model, { ...base, ...step }, samples, {
    ...{ calibration: [0, 1, 2, 3, 4, 5, 6, 7], selection: [8, 9, 10, 11], cpu: { instructionSets: AVX2 } },
  });

describe('a refinement earns its place', () => {
  test('by some decibels in all, and in most runs: one sample alone does not decide', () => {
    const judged = (decibel: number, noises: readonly number[]) =>
      earnsItsPlace({ decibel: 30, noises: [8, 1, 1, 1] }, { decibel, noises }).kept;
    assert.equal(judged(31, [7, 0.9, 0.9, 1.1]), true);
    assert.equal(judged(30.05, [7.9, 0.9, 0.9, 0.9]), false, 'hardly more');
    assert.equal(judged(36, [1, 1.1, 1.1, 1.1]), false, 'three of four are worse');
    assert.equal(judged(29, [9, 0.9, 0.9, 0.9]), false, 'worse in all');
  });

  test('equalizing helps uneven channels, and the report says by how much', async () => {
    const { refinements, notes } = await run(network(), { transforms: ['equalize'] });
    const [equalized] = refinements ?? [];
    assert.equal(equalized?.kept, true);
    assert.ok((equalized?.output_sqnr_db ?? 0) > (equalized?.output_sqnr_db_without ?? 0) + 3);
    assert.match(notes.join(' '), /equalize \(from .*\) was kept: signal to noise/);
  });

  test('the stem stays in float, with the reason', async () => {
    const { nodes, refinements } = await run(network(), { transforms: ['float_stem'] });
    const stem = nodes.find(({ name }) => name === 'stem');
    assert.deepEqual([stem?.integer, stem?.reason], [false, 'The first layer stays in float: float_stem.']);
    assert.equal(refinements?.[0]?.kept, true);
  });

  test('what harms is dropped: the bytes are those of the plain scheme, and the report says so', async () => {
    // Channels that calibration hardly sees are stretched, into a range that they leave; all weights are 1 or −1, and have nothing to say.
    const half = images.map((tensor, i) =>
      floats(
        elements(tensor, 'float32').map((value, at) => (i < 8 && at < 8 * 36 ? value / 1000 : value)),
        image,
      ),
    );
    const samples = samplesOf('x', half);
    const model = smallModel({
      nodes: [
        node('Conv', ['x', 'depthwise'], ['d'], { name: 'depthwise', attributes: { group: 16 } }),
        node('Conv', ['d', 'point'], ['y'], { name: 'point' }),
      ],
      inputs: { x: ['float32', image] },
      outputs: { y: ['float32', null] },
      constants: { depthwise: signs([16, 1, 1, 1], 3), point: signs([16, 16, 1, 1], 4) },
    });
    const plain = await run(model, {}, samples);
    const { model: refined, refinements, notes } = await run(model, { transforms: ['equalize'] }, samples);
    const [found] = refinements ?? [];
    assert.equal(found?.kept, false);
    assert.ok((found?.output_sqnr_db ?? 0) < (found?.output_sqnr_db_without ?? 0));
    assert.match(notes.join(' '), /equalize .* was dropped: signal to noise/);
    assert.deepEqual(encodeModel(refined), encodeModel(plain.model));
  });

  test('several in the order of the contract, each on top of what was kept', async () => {
    const { refinements } = await run(network(), {
      ...{ transforms: ['smooth', 'equalize', 'float_stem'], bias_correction: 'analytic' },
    });
    assert.deepEqual(
      refinements?.map(({ name }) => name),
      ['float_stem', 'equalize', 'smooth', 'bias_correction analytic'],
    );
    const [stem, equalized, smoothed] = refinements ?? [];
    assert.equal(smoothed?.output_sqnr_db, null, 'there is no product');
    assert.equal(equalized?.output_sqnr_db_without, stem?.output_sqnr_db);
  });

  test('weights and biases: rounding for what layers read helps, and stays exact on every CPU', async () => {
    // Neighbouring channels that say nearly the same: their errors can cancel.
    const alike = images.map((tensor) =>
      floats(
        elements(tensor, 'float32').map((value, i, all) => 1 + 0.1 * value + (all[i % 36] as number)),
        image,
      ),
    );
    const step = { weight_ranges: 'mse', rounding: 'adaptive', bias_correction: 'empirical' } as const;
    const { refinements, nodes } = await run(network(), step, samplesOf('x', alike));
    assert.deepEqual(
      refinements?.map(({ name }) => name),
      ['weight_ranges mse', 'rounding adaptive', 'bias_correction empirical'],
    );
    assert.equal(refinements?.[1]?.kept, true);
    for (const { name, integer, exact_everywhere } of nodes) assert.ok(integer && exact_everywhere, name);
  });

  test('int8_dynamic: weights alone', async () => {
    const model = smallModel({
      nodes: [node('MatMul', ['x', 'w'], ['y'], { name: 'product' })],
      inputs: { x: ['float32', [4, 64]] },
      outputs: { y: ['float32', null] },
      constants: { w: random([64, 32], 2) },
    });
    const rows = randomTensors([4, 64], 12, 4).map((tensor) =>
      floats(
        elements(tensor, 'float32').map((value, i, all) => 0.1 * value + (all[i - (i % 64)] as number)),
        [4, 64],
      ),
    );
    const step = { scheme: 'int8_dynamic', rounding: 'adaptive' } as const;
    const [rounding] = (await run(model, step, samplesOf('x', rows))).refinements ?? [];
    assert.ok((rounding?.output_sqnr_db ?? 0) > (rounding?.output_sqnr_db_without ?? 0) + 1);
  });

  test('nothing is asked for: nothing is reported', async () => {
    assert.equal((await run(network(), {})).refinements, undefined);
  });

  test('equal inputs give equal bytes', async () => {
    const bytes = async () => encodeModel((await run(network(), { transforms: ['equalize'] })).model);
    assert.deepEqual(await bytes(), await bytes());
  });
});

test('a transform that looks at activations needs samples', async () => {
  const model = smallModel({
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    inputs: { x: ['float32', [4, 64]] },
    outputs: { y: ['float32', null] },
    constants: { w: random([64, 64], 2) },
  });
  const step = { scheme: 'int8_dynamic' as const, only_what_pays: false };
  const code = { code: 'dataset_required' };
  await assert.rejects(quantize(model, { ...step, transforms: ['smooth'] }, null), code);
  await assert.rejects(quantize(model, { ...step, rounding: 'adaptive' }, null), code);
  const { refinements, notes } = await quantize(model, { ...step, weight_ranges: 'mse' }, null);
  assert.deepEqual(refinements, [
    {
      ...{ name: 'weight_ranges mse', kept: true, output_sqnr_db: null, output_sqnr_db_without: null },
      ...{ runs_nearer: null, runs_further: null },
    },
  ]);
  assert.ok(notes.includes('weight_ranges mse was applied unjudged: there are no samples.'));
});

test('what a scheme has no use for is refused', () => {
  const issues = (more: Record<string, unknown>) =>
    QuantizeStep.safeParse({ type: 'quantize', ...more }).error?.issues.map(
      ({ path, message }) => `${path.join('/')}: ${message}`,
    ) ?? [];
  assert.deepEqual(issues({ scheme: 'int8_static', transforms: ['equalize', 'smooth', 'float_stem'] }), []);
  assert.deepEqual(issues({ scheme: 'auto', transforms: ['equalize'] }), []);
  for (const scheme of ['optimized', 'int8_weights', 'int4_weights', 'fp16_weights'])
    for (const field of [{ transforms: ['smooth'] }, { rounding: 'adaptive' }, { weight_ranges: 'mse' }])
      assert.match(
        issues({ scheme, ...field }).join(),
        /^(transforms|rounding|weight_ranges): only int8_static and int8_dynamic/,
      );
  assert.match(
    issues({ scheme: 'int8_dynamic', bias_correction: 'empirical' }).join(),
    /^bias_correction: only int8_static/,
  );
  assert.match(issues({ scheme: 'int8_static', transforms: ['smooth', 'smooth'] }).join(), /twice/);
  assert.match(issues({ scheme: 'int8_static', transforms: ['equalise'] }).join(), /transforms\/0/);
});
