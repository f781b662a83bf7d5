import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Training } from '../../src/contracts/distill-step.js';
import { liveBytes } from '../../src/distillation/live-memory.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { trainableWeights } from '../../src/distillation/students/trainable-weights.js';
import { trainStudent } from '../../src/distillation/train-student.js';
import { fittingBatch, inferenceMemory, trainingMemory } from '../../src/distillation/training-memory.js';
import { node } from '../../src/onnx/ir/graph.js';
import { floats, int64s } from '../../src/onnx/ir/tensor.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { network } from './networks.js';

const MIB = 2 ** 20;

test('a value lives until its last reader, shapes of one memory live as one', () => {
  const { graph } = network(
    [
      node('Relu', ['x'], ['a']),
      node('Reshape', ['a', 'row'], ['b']),
      node('Exp', ['b'], ['c']),
      node('Neg', ['c'], ['d']),
      node('Add', ['d', 'a'], ['y']),
    ],
    { row: int64s([-1]) },
    ['N', 4],
  );
  const sizes: Readonly<Record<string, number>> = { a: 1, b: 1, c: 10, d: 100, y: 1000 };
  // With y there are a, which Add reads, and d; c went when Neg had read it. With d there are a and c.
  assert.equal(
    liveBytes(graph, (value) => sizes[value] ?? 0),
    1 + 100 + 1000,
  );
  assert.equal(
    liveBytes(graph, (value) => ({ ...sizes, c: 5000 })[value] ?? 0),
    1 + 5000 + 100,
  );
});

test('a batch is divided into the largest equal parts that fit', () => {
  const memory = (samples: number) => samples * 100 * MIB;
  assert.equal(fittingBatch(12, memory, 10_000 * MIB), 12);
  assert.equal(fittingBatch(12, memory, 1000 * MIB), 6);
  assert.equal(fittingBatch(12, memory, 300 * MIB), 1);
  const refused = (error: unknown) => error instanceof ServiceError && error.code === 'memory_limit_exceeded';
  assert.throws(() => fittingBatch(12, memory, 200 * MIB), refused);
});

const INPUT = { name: 'x', dims: [1, 8, 8] };
const mlp = TEMPLATES.mlp({ input: INPUT, output: 'y', classes: 3 }, [16], seededRandom(1));
const random = seededRandom(2);
const PICTURES = Array.from({ length: 32 }, () => Array.from({ length: 64 }, random));
const x = (rows: readonly number[]) =>
  floats(
    rows.flatMap((row) => PICTURES[row] ?? []),
    [rows.length, 1, 8, 8],
  );

test('memory grows with the samples by what their values take', async () => {
  const cnn = TEMPLATES.cnn({ input: INPUT, output: 'y', classes: 3 }, [16, 8], seededRandom(1));
  const loss = lossPlan({ kind: 'labels' });
  const memory = await trainingMemory(cnn, async (samples) => {
    const sample = new Map([['x', x(Array.from({ length: samples }, (_, i) => i))]]);
    const trained = trainableWeights(cnn.graph, 'y');
    return { sample, program: await trainingProgram(cnn, { sample, output: 'y', loss, teacherDims: null, trained }) };
  });
  const perSample = (memory(1000) - memory(500)) / 500;
  const twice = (memory(2000) - memory(1000)) / 1000;
  assert.ok(Math.abs(twice / perSample - 1) < 0.01, `${twice}, ${perSample}`);
  // The first convolution and its gradient, 16 channels of 8x8 each, live at once; im2col of the second takes 9 x 16 x 4x4 more.
  const [least, most] = [2 * 16 * 64 * 4, 16 * 16 * 64 * 4];
  assert.ok(perSample > least && perSample < most, String(perSample));
});

test('a model that is run beside a training takes what its values take, and its session', async () => {
  const { graph, ...rest } = TEMPLATES.cnn({ input: INPUT, output: 'y', classes: 3 }, [16, 8], seededRandom(1));
  const memory = await inferenceMemory({ ...rest, graph }, async (samples) => {
    return new Map([['x', x(Array.from({ length: samples }, (_, i) => i))]]);
  });
  // What the first layer gives, 16 channels of 8x8, before and behind its activation.
  const values = 2 * 16 * 64 * 4;
  const perSample = (memory(1000) - memory(500)) / 500;
  assert.ok(perSample >= values && perSample <= 3 * values, String(perSample));
  const session = memory(100) - 100 * perSample;
  assert.ok(session > MIB && session < 64 * MIB, String(session));
});

test('a batch in parts is trained like a whole one', async () => {
  const run = async (microBatch: number) => {
    const { weights, history } = await trainStudent({
      ...{ student: mlp, trained: trainableWeights(mlp.graph, 'y'), output: 'y', threads: 1, seed: 0 },
      ...{ batchSize: 16, microBatch, loss: lossPlan({ kind: 'labels' }), teacherDims: null },
      training: Training.parse({ epochs: 3, clip_norm: 0.5, optimizer: { kind: 'sgd', learning_rate: 0.1 } }),
      indices: PICTURES.map((_, i) => i),
      heldOut: PICTURES.map((_, i) => i),
      inputs: async (rows) => new Map([['x', x(rows)]]),
      targets: async (rows) => new Map([[TARGETS.labels, int64s(rows.map((row) => row % 3))]]),
      ...{ run: 'run', checkpoints: { load: async () => null, save: async () => {} } },
      ...{ signal: new AbortController().signal, progress: () => {}, now: () => 0 },
    });
    return { weights, history };
  };
  const [whole, parts] = [await run(16), await run(4)];
  for (const [name, values] of whole.weights) {
    const others = parts.weights.get(name) ?? assert.fail(name);
    values.forEach((value, i) => {
      assert.ok(Math.abs(value - (others[i] ?? Number.NaN)) < 1e-5, `${name}[${i}]`);
    });
  }
  assert.ok(Math.abs((whole.history.at(-1)?.loss ?? 0) - (parts.history.at(-1)?.loss ?? 1)) < 1e-5);
});
