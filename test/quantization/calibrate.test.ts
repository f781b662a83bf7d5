import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elementCount, elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { measureExtremes } from '../../src/quantization/calibration/extremes.js';
import { measureInputMeans } from '../../src/quantization/calibration/input-means.js';
import { measureHistograms } from '../../src/quantization/calibration/measure-histograms.js';
import type { QuantizationSamples } from '../../src/quantization/samples.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from './fixtures.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-calibrate-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const GIBIBYTE = 2 ** 30;
const values = ['a', 'b'];
/** Two values that are exact in float32, however they are computed. */
const model = smallModel({
  nodes: [node('Relu', ['x'], ['a']), node('Mul', ['x', 'half'], ['b']), node('Add', ['a', 'b'], ['y'])],
  inputs: { x: ['float32', ['n', 'length']] },
  outputs: { y: ['float32', null] },
  constants: { half: floats([-0.5], []) },
});
const single = randomTensors([1, 300], 6, 1).map((each, i) =>
  floats(
    elements(each, 'float32').map((x) => x * (i + 1)),
    [1, 300],
  ),
);
const task = (tensors: readonly Tensor[], batch: number | null = null) => ({
  model,
  values,
  samples: {
    batch,
    feeds: async (indices: readonly number[]) => {
      const parts = indices.flatMap((index) => [...elements(tensors[index] as Tensor, 'float32')]);
      return new Map([['x', floats(parts, [indices.length, parts.length / indices.length])]]);
    },
  },
  indices: tensors.map((_, index) => index),
  threads: 1,
  scratch,
  signal: new AbortController().signal,
  progress: () => {},
});
const extremes = async (given: ReturnType<typeof task>) => measureExtremes(given);
async function histograms(given: ReturnType<typeof task>, bytes: number) {
  const ranges = new Map([...(await extremes(given))].map(([value, { all }]) => [value, all]));
  const found = await measureHistograms(given, ranges, () => bytes);
  return Object.fromEntries([...found].map(([value, { counts, range }]) => [value, { counts: [...counts], range }]));
}

describe('two passes', () => {
  test('histograms are equal whatever the batch and the groups', async () => {
    const together = await histograms(task(single), 0);
    assert.deepEqual(await histograms(task(single), GIBIBYTE), together, 'one value at a time');
    assert.deepEqual(await histograms(task(single, 3), 0), together, 'three samples at a time');
    const total = (together.a?.counts ?? []).reduce((sum, count) => sum + count, 0);
    assert.equal(total, 6 * 300);
  });

  test('samples may differ in size', async () => {
    const found = await histograms(task([floats([1, -2], [1, 2]), floats([3, 4, -5, 6], [1, 4])]), 0);
    assert.equal(
      found.a?.counts.reduce((sum, count) => sum + count, 0),
      6,
    );
    assert.deepEqual(found.a?.range, { min: 0, max: 6 });
    assert.deepEqual(found.b?.range, { min: -3, max: 2.5 });
  });

  test('extremes are those of all samples, and the means of theirs', async () => {
    const found = (await extremes(task([floats([1, -2], [1, 2]), floats([3, -4], [1, 2])]))).get('b');
    assert.deepEqual(found, { all: { min: -1.5, max: 2 }, mean: { min: -1, max: 1.5 } });
  });

  test('the second pass stops when it is told to', async () => {
    const abort = new AbortController();
    const given = { ...task(single), signal: abort.signal, progress: () => abort.abort(new Error('cancelled')) };
    const ranges = new Map(values.map((value) => [value, { min: -6, max: 6 }]));
    await assert.rejects(
      measureHistograms(given, ranges, () => 0),
      /cancelled/,
    );
  });

  test('progress grows to the end over groups and samples', async () => {
    const seen: number[] = [];
    const ranges = new Map(values.map((value) => [value, { min: -6, max: 6 }]));
    await measureHistograms({ ...task(single), progress: (fraction) => seen.push(fraction) }, ranges, () => GIBIBYTE);
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    assert.equal(seen.at(-1), 1);
    assert.equal(seen.length, 12);
  });
});

test('channel means weigh every element alike, whatever the sizes of the samples', async () => {
  const given = task([floats([1, -2], [1, 2]), floats([3, 4, -5, 6], [1, 4])]);
  const found = await measureInputMeans(given, [{ value: 'b', axis: 0, rank: 2 }]);
  assert.ok(Math.abs((found.get('b')?.[0] ?? 0) - (-0.5 * 7) / 6) < 1e-6);
});

describe('int8_static by every method', () => {
  // Weights that any machine running the tests computes exactly.
  const cpu = { instructionSets: AVX2 };
  const dims = [1, 16, 8, 8];
  const images = randomTensors(dims, 6, 5);
  const weights = (shape: readonly number[], seed: number) => randomTensors(shape, 1, seed)[0] as Tensor;
  const network = () =>
    smallModel({
      nodes: [
        node('Conv', ['x', 'w1', 'b1'], ['c1'], { name: 'first', attributes: { pads: [1, 1, 1, 1] } }),
        node('Relu', ['c1'], ['r1']),
        node('Conv', ['r1', 'w2'], ['y'], { name: 'second', attributes: { pads: [1, 1, 1, 1] } }),
      ],
      inputs: { x: ['float32', dims] },
      outputs: { y: ['float32', null] },
      constants: { w1: weights([16, 16, 3, 3], 11), b1: weights([16], 12), w2: weights([16, 16, 3, 3], 13) },
    });
  const step = (calibration: Record<string, unknown>, more: Record<string, unknown> = {}) =>
    QuantizeStep.parse({ type: 'quantize', scheme: 'int8_static', only_what_pays: false, calibration, ...more });
  const run = (given: QuantizeStep, samples: QuantizationSamples = samplesOf('x', images), count = 6) =>
    quantize(network(), given, samples, { count, cpu });
  // Entropy clips even these evenly spread numbers: few of them make a ragged histogram.
  const methods = { mean_minmax: 20, minmax: 20, percentile: 20, entropy: 10, mse: 20, auto: 20 };

  for (const [method, least] of Object.entries(methods)) {
    test(`${method} gives a close model, and the same bytes again`, async () => {
      const { model: quantized, nodes, calibration } = await run(step({ method }));
      assert.equal(calibration?.method, method);
      for (const { name, sqnr_db } of nodes) assert.ok((sqnr_db ?? 0) > least, `${name}: ${sqnr_db} dB`);
      assert.deepEqual(encodeModel((await run(step({ method }))).model), encodeModel(quantized));
    });

    test(`${method} takes one sample`, async () => {
      const { integer_nodes } = await run(step({ method }), samplesOf('x', images.slice(0, 1)), 1);
      assert.equal(integer_nodes, 2);
    });

    test(`${method} takes a constant input, and layers whose weights are all zero`, async () => {
      const constant = floats(new Array(elementCount(dims)).fill(0.75), dims);
      const dead = network();
      dead.graph.initializers.set('w1', floats(new Array(16 * 16 * 9).fill(0), [16, 16, 3, 3]));
      const { model: quantized } = await quantize(dead, step({ method }), samplesOf('x', [constant]), { cpu });
      const answer = (of: Model) => runModel(encodeModel(of), new Map([['x', constant]]), 'all');
      const expected = await answer(dead);
      const largest = Math.max(
        ...[...expected.values()].flatMap((each) => [...elements(each, 'float32')]).map(Math.abs),
      );
      assert.ok(largestDifference(expected, await answer(quantized)) <= largest * 0.02);
    });
  }

  test('an outlier that is alone among many samples does not cost the others their levels', async () => {
    const spoilt = [
      ...randomTensors(dims, 40, 6),
      floats(
        new Array(elementCount(dims)).fill(0).map((_, i) => (i === 7 ? 1000 : 0)),
        dims,
      ),
    ];
    const sqnr = async (calibration: Record<string, unknown>) => {
      const result = await quantize(network(), step(calibration), samplesOf('x', spoilt), {
        calibration: spoilt.map((_, i) => i),
        selection: [0, 1, 2, 3],
        cpu,
      });
      return result.nodes.find(({ name }) => name === 'second')?.sqnr_db ?? 0;
    };
    const minmax = await sqnr({ method: 'minmax' });
    assert.ok((await sqnr({ method: 'auto' })) >= minmax);
    for (const calibration of [{ method: 'percentile', percentile: 99 }, { method: 'entropy' }]) {
      const found = await sqnr(calibration);
      assert.ok(found > minmax + 6, `${calibration.method}: ${found} dB, minmax ${minmax} dB`);
    }
  });

  test('auto compares whole models and keeps the best', async () => {
    const { calibration } = await run(step({ method: 'auto' }));
    const presets = calibration?.presets ?? [];
    assert.deepEqual(presets.map(({ name }) => name).sort(), [
      'least_error',
      'mean_minmax',
      'minmax',
      'percentile_99.99',
    ]);
    const best = Math.max(...presets.map(({ output_sqnr_db }) => output_sqnr_db));
    assert.deepEqual(
      presets.filter(({ chosen }) => chosen).map(({ output_sqnr_db }) => output_sqnr_db),
      [best],
    );
  });

  test('a number that is not finite is refused by name of node and sample, wherever it stands', async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const at of [0, 1, 517, elementCount(dims) - 1]) {
        const broken = elements(images[0] as Tensor, 'float32').slice();
        broken[at] = bad;
        await assert.rejects(run(step({}), samplesOf('x', [images[1] as Tensor, floats(broken, dims)]), 2), {
          code: 'model_run_failed',
          detail: 'The input "x" holds NaN or infinity on calibration sample 1.',
        });
      }
    }
    const overflowing = floats(new Array(elementCount(dims)).fill(3e38), dims);
    await assert.rejects(run(step({}, { exclude: ['first'] }), samplesOf('x', [overflowing]), 1), {
      code: 'model_run_failed',
      context: {
        phase: 'calibrate',
        node: { name: 'Relu_1', op_type: 'Relu' },
        hint: 'Check the preprocessing of the dataset (scale, offset), or exclude the node and those that read its result.',
      },
    });
  });

  test('a range too wide for a float32 scale is refused', async () => {
    const wide = floats(
      new Array(elementCount(dims)).fill(0).map((_, i) => (i % 2 ? 3e38 : -3e38)),
      dims,
    );
    await assert.rejects(run(step({}), samplesOf('x', [wide]), 1), /spans more than 8 bits can divide/);
  });

  test('samples that do not fit, and fewer than a batch, are refused', async () => {
    const small = samplesOf('x', randomTensors([1, 16, 4, 4], 2, 1));
    await assert.rejects(run(step({}), small, 2), { code: 'model_run_failed' });
    await assert.rejects(run(step({}), { ...samplesOf('x', images), batch: 8 }, 6), { code: 'dataset_too_small' });
  });
});

describe('what a request may say', () => {
  const issues = (more: Record<string, unknown>) =>
    QuantizeStep.safeParse({ type: 'quantize', scheme: 'int8_static', ...more }).error?.issues.map(({ path }) =>
      path.join('/'),
    ) ?? [];

  test('contradictions are named', () => {
    assert.deepEqual(issues({ calibration: { method: 'mse', percentile: 99.9 } }), ['calibration/percentile']);
    assert.deepEqual(issues({ calibration: { percentile: 99.9 } }), ['calibration/percentile']);
    assert.deepEqual(issues({ calibration: { method: 'percentile', percentile: 50 } }), ['calibration/percentile']);
    assert.deepEqual(issues({ calibration: { method: 'kl' } }), ['calibration/method']);
    assert.deepEqual(issues({ scheme: 'int8_dynamic', bias_correction: 'analytic' }), ['bias_correction']);
    assert.deepEqual(
      issues({ calibration: { method: 'percentile', percentile: 99.9 }, bias_correction: 'analytic' }),
      [],
    );
  });

  test('a stored spec spells the percentile out', () => {
    const parsed = QuantizeStep.parse({
      type: 'quantize',
      scheme: 'int8_static',
      calibration: { method: 'percentile' },
    });
    assert.equal(parsed.calibration.percentile, 99.99);
    assert.deepEqual(QuantizeStep.parse(parsed), parsed);
  });
});
