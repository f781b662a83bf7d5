import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Training } from '../../src/contracts/distill-step.js';
import type { CheckpointStore } from '../../src/distillation/checkpoint-schedule.js';
import { dropoutMasks } from '../../src/distillation/dropout.js';
import { frozenNodes } from '../../src/distillation/frozen.js';
import { lossPlan } from '../../src/distillation/losses/loss-plan.js';
import { TARGETS, trainingProgram } from '../../src/distillation/program.js';
import { exportStudent } from '../../src/distillation/students/export-student.js';
import { trainableWeights } from '../../src/distillation/students/trainable-weights.js';
import { trainStudent } from '../../src/distillation/train-student.js';
import { node } from '../../src/onnx/ir/graph.js';
import { elements, floats, int64s, scalar, type Tensor } from '../../src/onnx/ir/tensor.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { withSession } from '../../src/runtime/session.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { network } from './networks.js';

const CONVOLUTIONAL = TEMPLATES.depthwise_cnn(
  { input: { name: 'x', dims: [1, 6, 6] }, output: 'y', classes: 2 },
  [4, 6],
  seededRandom(1),
);
const SIGNAL = new AbortController().signal;
const FORGETFUL: CheckpointStore = { load: async () => null, save: async () => {} };

describe('frozen parts of a student', () => {
  const weightsWithout = (...patterns: string[]) => {
    const frozen = frozenNodes(CONVOLUTIONAL.graph, patterns);
    return { frozen, weights: trainableWeights(CONVOLUTIONAL.graph, 'y', frozen) };
  };

  test('by node, by glob, by weight and by operator', () => {
    const all = weightsWithout().weights;
    const missing = (...patterns: string[]) =>
      all.filter((name) => !weightsWithout(...patterns).weights.includes(name));
    assert.deepEqual(missing('logits'), ['logits.weight', 'logits.bias']);
    assert.deepEqual(missing('depthwise0*'), ['depthwise0.weight', 'depthwise0.norm.scale', 'depthwise0.norm.shift']);
    assert.deepEqual(missing('logits.bias'), ['logits.weight', 'logits.bias']);
    assert.deepEqual(
      missing('BatchNormalization'),
      all.filter((name) => name.includes('.norm.')),
    );
    const refused = (code: string) => (error: unknown) => error instanceof ServiceError && error.code === code;
    assert.throws(() => weightsWithout('logit'), refused('unknown_node'));
    assert.throws(() => weightsWithout('*'), refused('unsupported_dtype'));
  });

  for (const patterns of [[], ['BatchNormalization', 'stem']]) {
    test(`training changes all but ${patterns.join(' and ') || 'nothing'}`, async () => {
      const { frozen, weights: trained } = weightsWithout(...patterns);
      const random = seededRandom(2);
      const x = floats(Array.from({ length: 8 * 36 }, random), [8, 1, 6, 6]);
      const { weights } = await trainStudent({
        ...{ student: CONVOLUTIONAL, trained, frozen, output: 'y', batchSize: 8, threads: 1, seed: 0, signal: SIGNAL },
        loss: lossPlan({ kind: 'labels' }),
        teacherDims: null,
        training: Training.parse({ epochs: 2 }),
        indices: Array.from({ length: 16 }, (_, i) => i),
        heldOut: [0, 1, 2, 3, 4, 5, 6, 7],
        inputs: async () => new Map([['x', x]]),
        targets: async () => new Map([[TARGETS.labels, int64s([0, 1, 0, 1, 0, 1, 0, 1])]]),
        ...{ run: 'run', checkpoints: FORGETFUL, progress: () => {}, now: () => 0 },
      });
      const { initializers } = CONVOLUTIONAL.graph;
      const changed = [...weights].filter(([name, values]) => {
        const before = elements(initializers.get(name) ?? floats([]), 'float32');
        return values.some((value, i) => value !== before[i]);
      });
      const names = changed.map(([name]) => name);
      const has = (part: string) => names.some((name) => name.includes(part));
      assert.deepEqual(
        [has('.norm.scale'), has('.norm.mean'), has('stem.weight'), has('logits.weight')],
        [...(patterns.length === 0 ? [true, true, true] : [false, false, false]), true],
      );
    });
  }
});

describe('dropout', () => {
  const model = network(
    [
      node('Mul', ['x', 'w'], ['h']),
      node('Dropout', ['h', 'ratio'], ['d'], { name: 'drop' }),
      node('Identity', ['d'], ['y']),
    ],
    { w: floats([1, 2, 3, 4]), ratio: scalar(0.25) },
    ['N', 4],
  );
  const program = (patterns: readonly string[]) =>
    trainingProgram(model, {
      sample: new Map([['x', floats([1, 1, 1, 1, 1, 1, 1, 1], [2, 4])]]),
      ...{ output: 'y', loss: lossPlan({ kind: 'mse' }), teacherDims: [2, 4], trained: ['w'] },
      frozen: frozenNodes(model.graph, patterns),
    });

  test('drops by a mask that is fed: what is dropped has no gradient', async () => {
    const { bytes, masks, gradients } = await program([]);
    assert.deepEqual([...masks], [['d/mask', { dims: [2, 4], ratio: 0.25 }]]);
    const mask = floats([0, 1, 0, 2, 0, 1, 1, 0], [2, 4]);
    const feeds = new Map<string, Tensor>([
      ['x', floats([1, 1, 1, 1, 1, 1, 1, 1], [2, 4])],
      ['w', floats([1, 2, 3, 4])],
      [TARGETS.teacher, floats([0, 0, 0, 0, 0, 0, 0, 0], [2, 4])],
      ['d/mask', mask],
    ]);
    const by = gradients.get('w') ?? '';
    const gradient = await withSession(bytes, { threads: 1 }, async (session) =>
      (await session.run(feeds, [by])).get(by),
    );
    // L = Σ (m·w)² / 8: dL/dw = Σ m²·w / 4.
    assert.deepEqual([...elements(gradient ?? floats([]), 'float32')], [0, 1, 0.75, 4]);
  });

  test('masks depend on seed and step, keep the mean, and drop their share', () => {
    const masks = new Map([['m', { dims: [100, 100], ratio: 0.25 }]]);
    const values = (seed: number, epoch: number, batch: number) => [
      ...elements(dropoutMasks(masks, seed, epoch, batch).get('m') ?? floats([]), 'float32'),
    ];
    assert.deepEqual(values(1, 2, 3), values(1, 2, 3));
    for (const other of [values(2, 2, 3), values(1, 3, 3), values(1, 2, 4)])
      assert.notDeepEqual(other, values(1, 2, 3));
    const dropped = values(1, 2, 3).filter((value) => value === 0).length / 10_000;
    assert.ok(Math.abs(dropped - 0.25) < 0.02, String(dropped));
    assert.ok(values(1, 2, 3).every((value) => value === 0 || value === Math.fround(4 / 3)));
  });

  test('a frozen dropout drops nothing, and an exported student has none', async () => {
    assert.equal((await program(['drop'])).masks.size, 0);
    const exported = await exportStudent(model, new Map(), SIGNAL);
    assert.ok(exported.graph.nodes.every(({ opType }) => opType !== 'Dropout'));
  });
});
