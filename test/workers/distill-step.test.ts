import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { DatasetManifest } from '../../src/contracts/dataset.js';
import { inspectDataset } from '../../src/datasets/admission/inspect-dataset.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { withSession } from '../../src/runtime/session.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { runStep } from '../../workers/steps/run-step.js';
import { sha256Of } from '../../workers/steps/written-model.js';
import { float32, npy, zip } from '../datasets/npz-writer.js';
import { modelFiles, stepContext } from './step-context.js';

const root = mkdtempSync(join(tmpdir(), 'modelpress-distill-'));
after(() => rmSync(root, { recursive: true, force: true }));

const INPUTS = 6;
const CLASSES = 3;
const mlp = (width: number, seed: number) =>
  TEMPLATES.mlp({ input: { name: 'x', dims: [INPUTS] }, output: 'y', classes: CLASSES }, [width], seededRandom(seed));

/** Samples with a label each, or without any. */
async function dataset(count: number, label: ((index: number) => number) | null) {
  const random = seededRandom(8);
  const values = Array.from({ length: count * INPUTS }, () => 2 * random() - 1);
  const labels = label && BigInt64Array.from({ length: count }, (_, i) => BigInt(label(i)));
  const path = join(root, `${count}-${labels?.join('').slice(0, 40)}.npz`);
  const arrays = { 'x.npy': npy('<f4', [count, INPUTS], float32(...values)) };
  const y = labels && { 'y.npy': npy('<i8', [count], new Uint8Array(labels.buffer)) };
  writeFileSync(path, await zip({ ...arrays, ...y }));
  const manifest = DatasetManifest.parse(labels ? { labels: 'y' } : {});
  const inspection = await inspectDataset(path, new AbortController().signal);
  return { path, sha256: await sha256Of(path), manifest, inspection };
}

interface Case {
  readonly training: object;
  readonly loss?: object;
  readonly samples?: number;
  readonly label?: (index: number) => number;
  /** An uploaded student; a new one by default. */
  readonly student?: Model;
  readonly secondsLeft?: number;
}

/** The only step of a job whose teacher is a drawn network. */
async function distilled({ training, loss = { kind: 'kd' }, samples = 120, label, student, secondsLeft }: Case) {
  const scratch = mkdtempSync(join(root, 'scratch-'));
  const teacher = await modelFiles(join(root, 'teacher.onnx'), encodeModel(mlp(16, 1)));
  const uploaded = student && (await modelFiles(join(scratch, 'uploaded.onnx'), encodeModel(student)));
  const made = student ? { model: 'mdl_00000000000000000000000001' } : { template: 'mlp', widths: [4] };
  const spec = {
    ...{ dataset: 'dst_00000000000000000000000001', evaluate: { latency: { runs: 40 } } },
    steps: [{ type: 'distill', student: made, loss, training }],
  };
  const context = await stepContext(scratch, teacher, spec, {
    dataset: await dataset(samples, label ?? null),
    student: uploaded ?? null,
    ...(secondsLeft !== undefined && { seconds_left: secondsLeft }),
  });
  const result = await runStep(context);
  const { distillation, notes } = result.stage;
  assert.ok(distillation && result.report);
  const file = result.files.find(({ role }) => role === 'model') ?? assert.fail('no model');
  // Whatever went wrong, the result is a model that runs.
  await withSession(join(scratch, file.file), { threads: 1 }, async () => {});
  return { distillation, notes: notes.join('\n'), report: result.report };
}
const WILD = { kind: 'sgd', learning_rate: 10, momentum: 0.9 };

describe('a distill step that cannot do what it was asked for', () => {
  for (const [what, label] of [
    ['its baseline too', (index: number) => index % CLASSES],
    ['without labels', undefined],
  ] as const)
    test(`out of time in the middle, it gives the best so far and says so: ${what}`, async () => {
      const training = { epochs: 10_000, batch_size: 8 };
      const { distillation, notes, report } = await distilled({ training, secondsLeft: 2, ...(label && { label }) });
      assert.equal(distillation.stopped, 'timeout');
      assert.ok(distillation.epochs >= 1 && distillation.epochs < 10_000);
      assert.equal(distillation.baseline, label ? 'labels' : 'untrained');
      assert.match(notes, /stopped before its last epoch.*the best weights so far were kept/);
      assert.ok(report.result.metric.value > 0);
    });

  test('with a loss that becomes NaN it stops, keeps the last good weights and says so', async () => {
    const student = mlp(4, 3);
    const training = { batch_size: 2, optimizer: WILD, schedule: 'constant', warmup: 0, clip_norm: null };
    const { distillation, notes } = await distilled({ student, training, loss: { kind: 'mse' } });
    assert.equal(distillation.stopped, 'diverged');
    assert.equal(distillation.best_epoch, -1, 'the weights that were uploaded');
    assert.equal(distillation.distilled, distillation.baseline_value);
    assert.equal(distillation.outcome, 'no_gain');
    assert.match(notes, /became infinite or NaN: training was stopped, and the last good weights were kept/);
  });

  test('with nothing to keep, a loss that becomes NaN is a refusal that says what to change', async () => {
    const training = { batch_size: 2, optimizer: WILD, schedule: 'constant', warmup: 0, clip_norm: null };
    await assert.rejects(distilled({ training, loss: { kind: 'mse' } }), (error: unknown) => {
      assert.ok(error instanceof ServiceError);
      assert.equal(error.code, 'training_diverged');
      assert.match(error.detail, /infinite or NaN before the first epoch was over/);
      assert.match(error.context.hint ?? '', /Lower the learning rate/);
      return true;
    });
  });

  test('with fewer samples than a batch it takes a smaller batch and says so', async () => {
    const { distillation, notes } = await distilled({ samples: 30, training: { epochs: 2, batch_size: 64 } });
    assert.ok(distillation.batch_size < 30);
    assert.match(notes, new RegExp(`Batches hold ${distillation.batch_size} samples instead of 64`));
  });

  for (const wrong of [CLASSES, -2])
    test(`a label of ${wrong} is refused with its sample`, async () => {
      const label = (index: number) => (index === 17 ? wrong : index % CLASSES);
      await assert.rejects(distilled({ label, training: { epochs: 1 } }), (error: unknown) => {
        assert.ok(error instanceof ServiceError);
        assert.equal(error.code, 'dataset_mismatch');
        assert.match(error.detail, /The label of sample 17 is no class: one whole number from 0 to 2/);
        return true;
      });
    });
});
