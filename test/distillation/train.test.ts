import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { encodeCheckpoint, restoreCheckpoint } from '../../src/distillation/checkpoint.js';
import { exportStudent } from '../../src/distillation/students/export-student.js';
import { copied, type TrainingState } from '../../src/distillation/training-state.js';
import { elements } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { OPTIONS, Training } from './fixture.js';

/** Batches of 8 from 32 samples. */
const STEPS_PER_EPOCH = 4;
const TOTAL_STEPS = OPTIONS.epochs * STEPS_PER_EPOCH;
const RUN = 'run';
const bytesOf = (state: TrainingState) => Buffer.from(encodeCheckpoint(state, RUN));
const meanOf = (values: Iterable<number>) => {
  const list = [...values];
  return list.reduce((a, b) => a + b, 0) / list.length;
};

describe('training', () => {
  const training = new Training();
  let prepared: Awaited<ReturnType<Training['prepare']>>;
  before(async () => {
    prepared = await training.prepare();
  });
  after(() => training.close());

  test('lowers the loss, and keeps the weights of the lowest held-out loss', async () => {
    const state = prepared.fresh();
    const steps: number[] = [];
    const end = await prepared.run(state, { epochs: 8 }, async (_, total, loss) => {
      steps.push(loss);
      assert.equal(total, 8 * STEPS_PER_EPOCH);
    });
    assert.equal(end, 'finished');
    assert.equal(steps.length, 8 * STEPS_PER_EPOCH);
    const [first, last] = [state.history[0], state.history.at(-1)];
    assert.ok((last?.loss ?? 1) < 0.5 * (first?.loss ?? 0), JSON.stringify(state.history));
    assert.equal(first?.loss, meanOf(steps.slice(0, STEPS_PER_EPOCH)));
    const lowest = Math.min(...state.history.map(({ heldOut }) => heldOut));
    assert.equal(state.best?.heldOut, lowest);
    const weights = new Map(
      [...state.weights].map(([name, tensor]) => [name, { ...tensor, bytes: bytesOfBest(state, name) }]),
    );
    assert.equal(await prepared.heldOut(weights), lowest);
  });

  test('running statistics move towards those of the batches', async () => {
    const state = prepared.fresh();
    const variance = () => [...elements(state.weights.get('stem.norm.variance') ?? assert.fail(), 'float32')];
    const mean = () => [...elements(state.weights.get('stem.norm.mean') ?? assert.fail(), 'float32')];
    assert.deepEqual(mean(), [0, 0, 0, 0]);
    await prepared.run(state, { schedule: { kind: 'constant', peak: 0, warmupSteps: 0 } });
    // The weights stood still: after n steps a statistic is the batches' own by all but 0.9ⁿ.
    assert.deepEqual(copied(state.weights).get('stem.weight'), copied(prepared.fresh().weights).get('stem.weight'));
    const left = 0.9 ** TOTAL_STEPS;
    assert.ok(
      variance().every((value) => value > left && value < 1),
      String(variance()),
    );
    assert.ok(mean().every((value) => value !== 0));
  });

  for (const averages of [false, true]) {
    test(`interrupted at random steps and resumed, it gives the same bytes (moving average: ${averages})`, async () => {
      const emaDecay = averages ? 0.8 : null;
      const whole = prepared.fresh(averages);
      await prepared.run(whole, { emaDecay });

      const random = seededRandom(11);
      let kills = 0;
      for (let round = 0; kills < 20; round++) {
        let saved: Uint8Array | undefined;
        for (let end = ''; end === ''; ) {
          const state = prepared.fresh(averages);
          if (saved) assert.ok(restoreCheckpoint(saved, state, RUN));
          const deathAt = state.optimizer.steps + 1 + Math.floor(random() * TOTAL_STEPS);
          const crash = async (now: TrainingState) => {
            saved = encodeCheckpoint(now, RUN);
            if (now.optimizer.steps !== deathAt) return;
            kills++;
            throw new Error('killed');
          };
          end = await prepared.run(state, { emaDecay }, crash).catch((error: Error) => {
            assert.equal(error.message, 'killed');
            return '';
          });
          if (end !== '') assert.ok(bytesOf(state).equals(bytesOf(whole)), `round ${round}`);
        }
      }
    });
  }

  test('a damaged checkpoint, or that of another run, is not taken and changes nothing', async () => {
    const trained = prepared.fresh();
    await prepared.run(trained, { epochs: 1 });
    const saved = bytesOf(trained);
    const untouched = bytesOf(prepared.fresh());
    const state = prepared.fresh();
    for (const at of [0, 9, 40, saved.length >> 1, saved.length - 1]) {
      const damaged = Buffer.from(saved);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      assert.equal(restoreCheckpoint(damaged, state, RUN), false, `byte ${at}`);
    }
    for (const length of [0, 11, saved.length - 1])
      assert.equal(restoreCheckpoint(saved.subarray(0, length), state, RUN), false);
    assert.equal(restoreCheckpoint(saved, state, 'another'), false);
    assert.ok(bytesOf(state).equals(untouched));
    assert.ok(restoreCheckpoint(saved, state, RUN));
    assert.ok(bytesOf(state).equals(saved));
  });

  test('the moving average is what is scored and kept', async () => {
    const state = prepared.fresh(true);
    const scored: number[] = [];
    await prepared.run(state, { emaDecay: 0.5, epochs: 1 }, undefined, async (weights) => {
      scored.push(...elements(weights.get('logits.bias') ?? assert.fail(), 'float32'));
      return 1;
    });
    assert.deepEqual(scored, [...(state.average?.get('logits.bias') ?? [])]);
    assert.deepEqual(scored, [...(state.best?.weights.get('logits.bias') ?? [])]);
    assert.notDeepEqual(scored, [...(copied(state.weights).get('logits.bias') ?? [])]);
  });

  test('training stops when the held-out loss has not fallen for `patience` epochs', async () => {
    const losses = [5, 3, 4, 3, 2];
    let epoch = 0;
    const state = prepared.fresh();
    const end = await prepared.run(state, { epochs: 5, patience: 2 }, undefined, async () => losses[epoch++] ?? 0);
    assert.equal(end, 'patience');
    assert.deepEqual([epoch, state.best?.epoch], [4, 1]);
  });

  test('out of time, it scores what it has and keeps the best, even before the first epoch is over', async () => {
    const stopAfter = async (steps: number) => {
      const state = prepared.fresh();
      const end = await prepared.run(state, {}, undefined, undefined, () => state.optimizer.steps >= steps);
      assert.equal(end, 'timeout');
      assert.equal(state.optimizer.steps, steps);
      return state;
    };
    const early = await stopAfter(2);
    assert.equal(early.best?.epoch, 0);
    assert.deepEqual(early.best?.weights, copied(early.weights));
    const later = await stopAfter(STEPS_PER_EPOCH + 1);
    assert.equal(later.history.length, 2);
    assert.equal(later.best?.heldOut, Math.min(...later.history.map(({ heldOut }) => heldOut)));
  });

  test('a loss that is no number ends the training with the last good weights, or refuses it', async () => {
    const state = prepared.fresh();
    let good = Buffer.alloc(0);
    const poison = async (now: TrainingState) => {
      if (now.optimizer.steps === STEPS_PER_EPOCH) return;
      if (now.optimizer.steps === STEPS_PER_EPOCH + 1) {
        good = Buffer.from(JSON.stringify([...(now.best?.weights ?? [])].map(([name, values]) => [name, [...values]])));
        elements(now.weights.get('logits.bias') ?? assert.fail(), 'float32').fill(Number.NaN);
      }
    };
    assert.equal(await prepared.run(state, {}, poison), 'diverged');
    const kept = JSON.stringify([...(state.best?.weights ?? [])].map(([name, values]) => [name, [...values]]));
    assert.equal(kept, good.toString());
    assert.equal(state.best?.epoch, 0);

    const early = prepared.run(prepared.fresh(), {}, async ({ weights }) => {
      elements(weights.get('logits.bias') ?? assert.fail(), 'float32').fill(Number.NaN);
    });
    await assert.rejects(early, (error) => error instanceof ServiceError && error.code === 'training_diverged');
  });

  test('a weight that is no finite number ends it too, though the loss may still be one', async () => {
    const state = prepared.fresh();
    // Behind Relu, an infinite negative bias is a channel of zeros.
    const poison = async (now: TrainingState) => {
      if (now.optimizer.steps !== 2 * STEPS_PER_EPOCH) return;
      elements(now.weights.get('stem.norm.shift') ?? assert.fail(), 'float32').fill(Number.NEGATIVE_INFINITY);
      assert.ok(Number.isFinite(await prepared.heldOut(now.weights)));
    };
    assert.equal(await prepared.run(state, { epochs: 3 }, poison), 'diverged');
    assert.equal(state.history.length, 1);
    assert.ok([...(state.best?.weights.values() ?? [])].every((values) => values.every(Number.isFinite)));
  });

  test('the exported student has no BatchNormalization and answers like the trained one', async () => {
    const state = prepared.fresh();
    await prepared.run(state);
    const trained = copied(state.weights);
    const exported = await exportStudent(training.student, trained);
    assert.ok(exported.graph.nodes.every(({ opType }) => opType !== 'BatchNormalization'));
    assert.ok(training.student.graph.nodes.some(({ opType }) => opType === 'BatchNormalization'));

    const plain = {
      ...training.student,
      graph: { ...training.student.graph, initializers: new Map(training.student.graph.initializers) },
    };
    for (const [name, tensor] of state.weights) plain.graph.initializers.set(name, tensor);
    const feeds = await training.batch([0, 1, 2]);
    feeds.delete('target/labels');
    const answer = async (bytes: Uint8Array) => {
      const session = await training.open(bytes);
      return elements((await session.run(feeds)).get('y') ?? assert.fail(), 'float32');
    };
    const [own, reference] = [await answer(encodeModel(exported)), await answer(encodeModel(plain))];
    own.forEach((value, i) => {
      assert.ok(Math.abs(value - (reference[i] ?? Number.NaN)) < 1e-4);
    });
  });
});

const bytesOfBest = (state: TrainingState, name: string) =>
  new Uint8Array((state.best?.weights.get(name) ?? new Float32Array()).buffer);
