import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { CalibrationMemory, type MeasurementStore } from '../../src/quantization/calibration/calibration-memory.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors, samplesOf, VNNI } from './fixtures.js';

const dims = [1, 16, 6, 6];
const COUNT = 20;
const images = randomTensors(dims, COUNT, 5);
const weights = (shape: readonly number[], seed: number) => randomTensors(shape, 1, seed)[0] as Tensor;
const network = (seed = 1): Model =>
  smallModel({
    nodes: [
      node('Conv', ['x', 'w1'], ['c1'], { name: 'first' }),
      node('Relu', ['c1'], ['r1'], { name: 'relu' }),
      node('Conv', ['r1', 'w2', 'b2'], ['y'], { name: 'second' }),
    ],
    inputs: { x: ['float32', dims] },
    outputs: { y: ['float32', null] },
    constants: { w1: weights([16, 16, 3, 3], seed), w2: weights([8, 16, 3, 3], seed + 1), b2: weights([8], seed + 2) },
  });

type Step = Parameters<typeof quantize>[1];
/** Quantizes, and counts how often a sample was asked for. */
async function make(
  memory: CalibrationMemory | null,
  step: Partial<Step>,
  model = network(),
  dieAfter = Number.POSITIVE_INFINITY,
) {
  let asked = 0;
  const samples = samplesOf('x', images);
  const counting = {
    ...samples,
    feeds: (indices: readonly number[]) => {
      if (asked++ === dieAfter) throw new Error('killed');
      return samples.feeds(indices);
    },
  };
  const { model: made } = await quantize(model, { scheme: 'int8_static', only_what_pays: false, ...step }, counting, {
    count: COUNT,
    selection: [],
    cpu: { instructionSets: VNNI },
    ...(memory && { calibrationMemory: memory }),
  });
  return { bytes: Buffer.from(encodeModel(made)).toString('base64'), asked };
}

/** A store that outlives the memory, as a file does. */
function keeping(kept: Uint8Array | null = null) {
  const store = {
    saves: 0,
    reasons: [] as string[],
    load: async () => kept,
    discarded(reason: string) {
      this.reasons.push(reason);
    },
    async save(bytes: Uint8Array) {
      kept = Uint8Array.from(bytes);
      this.saves++;
    },
  };
  return store satisfies MeasurementStore;
}

const range = { min: 0, max: 1 };
const oddHistogram = {
  extremes: new Map(),
  histograms: new Map([['x', { range, counts: new Float64Array(9999), sums: new Float64Array(9999) }]]),
  underway: null,
};
const by = (method: NonNullable<Step['calibration']>['method'], percentile?: number) => ({
  calibration: { method, samples: COUNT, ...(percentile !== undefined && { percentile }) },
});
/** Asked once for the shapes. */
const SHAPES = 1;

describe('what was measured', () => {
  test('serves every method: the extremes and the histograms are measured once', async () => {
    const memory = new CalibrationMemory();
    assert.equal((await make(memory, by('minmax'))).asked, SHAPES + COUNT);
    assert.equal((await make(memory, by('mean_minmax'))).asked, SHAPES);
    assert.equal((await make(memory, by('mse'))).asked, SHAPES + COUNT);
    for (const method of ['entropy', 'mse', 'minmax'] as const) {
      const shared = await make(memory, by(method));
      assert.equal(shared.asked, SHAPES, method);
      assert.equal(shared.bytes, (await make(null, by(method))).bytes, method);
    }
  });

  test('is not taken for another model, or for other samples', async () => {
    const memory = new CalibrationMemory();
    await make(memory, by('minmax'));
    assert.equal((await make(memory, by('minmax'), network(7))).asked, SHAPES + COUNT);
    assert.equal((await make(memory, { calibration: { method: 'minmax', samples: 5 } })).asked, SHAPES + 5);
  });

  test('is forgotten, the oldest first, when there are many models', async () => {
    const memory = new CalibrationMemory();
    for (const seed of [1, 10, 20, 30]) await make(memory, by('minmax'), network(seed));
    assert.equal((await make(memory, by('minmax'), network(1))).asked, SHAPES);
    await make(memory, by('minmax'), network(40));
    assert.equal((await make(memory, by('minmax'), network(1))).asked, SHAPES);
    assert.equal((await make(memory, by('minmax'), network(10))).asked, SHAPES + COUNT);
  });
});

describe('a process that dies', () => {
  for (const [pass, dieAfter, left] of [
    ['first', SHAPES + 9, 12 + COUNT],
    ['second', SHAPES + COUNT + 15, 6],
  ] as const) {
    test(`in the ${pass} pass loses a tenth of it, and the next gives equal bytes`, async () => {
      const store = keeping();
      await assert.rejects(make(new CalibrationMemory(store), by('entropy'), network(), dieAfter), /killed/);
      const resumed = await make(new CalibrationMemory(store), by('entropy'));
      assert.equal(resumed.asked, SHAPES + left);
      assert.equal(resumed.bytes, (await make(null, by('entropy'))).bytes);
      assert.ok(store.saves < 30, `${store.saves} times`);
    });
  }

  for (const [what, damage] of [
    ['of a file that breaks off', (bytes: Uint8Array) => bytes.subarray(0, bytes.length / 2)],
    ['of something else', () => Uint8Array.from({ length: 100 }, (_, i) => i)],
    ['of another version', () => serialize({ version: 0, models: new Map() })],
    ['of an older form', () => serialize(new Map())],
    ['of histograms of another size', () => serialize({ version: 1, models: new Map([['a', oddHistogram]]) })],
  ] as const) {
    test(`what it left ${what} is measured again, and that is told`, async () => {
      const whole = keeping();
      const made = await make(new CalibrationMemory(whole), by('entropy'));
      const store = keeping(damage((await whole.load()) as Uint8Array));
      const again = await make(new CalibrationMemory(store), by('entropy'));
      assert.equal(again.asked, SHAPES + 2 * COUNT);
      assert.equal(again.bytes, made.bytes);
      assert.equal(store.reasons.length, 1);
    });
  }

  test('leaves no more than there is room for', async () => {
    const histogram = 33_000;
    for (const [models, room] of [
      [0, 0],
      [1, 5 * histogram],
      [2, 10 * histogram],
    ] as const) {
      const store = keeping();
      const memory = new CalibrationMemory(store, room);
      await make(memory, by('entropy'), network(1));
      await make(memory, by('entropy'), network(10));
      const saved = await store.load();
      assert.equal(saved === null ? 0 : deserialize(saved).models.size, models);
      if (models !== 1) continue;
      const next = new CalibrationMemory(store, room);
      assert.equal((await make(next, by('entropy'), network(10))).asked, SHAPES, 'the latest is kept');
    }
  });

  test('leaves nothing for other options to trip over', async () => {
    const store = keeping();
    await assert.rejects(make(new CalibrationMemory(store), by('entropy'), network(), SHAPES + 9), /killed/);
    const other = await make(new CalibrationMemory(store), { ...by('entropy'), exclude: ['second'] });
    assert.equal(other.bytes, (await make(null, { ...by('entropy'), exclude: ['second'] })).bytes);
  });
});

describe('samples that say little', () => {
  const constant = (value: number) => Array.from({ length: COUNT }, () => floats(Array(16 * 36).fill(value), dims));
  const notesOf = async (tensors: readonly Tensor[], samples: number) =>
    (
      await quantize(
        network(),
        { scheme: 'int8_static', only_what_pays: false, calibration: { method: 'minmax', samples } },
        samplesOf('x', tensors),
        { count: tensors.length },
      )
    ).notes.join('\n');

  for (const method of ['mean_minmax', 'minmax', 'percentile', 'entropy', 'mse', 'auto'] as const) {
    test(`constant activations, ${method}: a model that loads, and a note`, async () => {
      for (const value of [0, -3]) {
        const { notes, model } = await quantize(
          network(),
          { scheme: 'int8_static', only_what_pays: false, calibration: { method, samples: COUNT } },
          samplesOf('x', constant(value)),
          { count: COUNT },
        );
        assert.ok(
          notes.some((note) => /^Constant on all calibration samples.*: x/.test(note)),
          notes.join('\n'),
        );
        assert.ok(model.graph.nodes.some(({ opType }) => opType === 'QuantizeLinear'));
      }
    });
  }

  test('one sample is enough, and the report says that it is little', async () => {
    assert.match(await notesOf(images.slice(0, 1), 256), /Calibrated on one sample only/);
    assert.match(await notesOf(images, 3), /Calibrated on 3 samples only/);
    assert.doesNotMatch(await notesOf(images, 8), /Calibrated on/);
  });
});
