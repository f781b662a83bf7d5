import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Client } from '../../examples/client.js';
import { type RunningService, startService } from '../../examples/service.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { makeDataFolder, type TestDataFolder } from '../harness/data-folder.js';
import { until } from '../jobs/until.js';
import { enginesBelow } from '../workers/processes.js';

const DIGITS = 'examples/data/digits.npz';
/** Pixels count from 0 to 16. */
const PIXELS = { arrays: { x: { scale: 1 / 16 } } };
/** A step of a quick job, on a busy machine. */
const REACHES_MS = 60_000;

describe('recovery over HTTP', () => {
  let data: TestDataFolder;
  let service: RunningService;
  let client: Client;
  let dataset: string;
  let model: string;

  const spec = () => ({
    ...{ model, dataset, evaluate: { metric: 'agreement', latency: { runs: 40 } } },
    steps: [
      {
        ...{ type: 'quantize', scheme: 'int4_weights', only_what_pays: false },
        weights: { method: 'rtn', symmetric: true },
        recover: { epochs: 16 },
      },
    ],
  });
  const finished = async (id: string) => {
    const done = await client.waitFor(id, () => {});
    assert.equal(done.status, 'succeeded', JSON.stringify(done.error));
    return done;
  };

  before(async () => {
    data = await makeDataFolder();
    service = await startService(data.path);
    client = new Client(service.url);
    dataset = (await client.uploadDataset(DIGITS, 'digits.npz', PIXELS)).id;
    const drawn = TEMPLATES.mlp(
      { input: { name: 'x', dims: [64] }, output: 'y', classes: 10 },
      [96, 96],
      seededRandom(1),
    );
    const path = join(data.path, 'drawn.onnx');
    await writeFile(path, encodeModel(drawn));
    model = (await client.uploadModel(path, 'drawn')).id;
  });
  after(async () => {
    await service?.stop();
    await data.remove();
  });

  let whole: string;
  test('the float model teaches its 4-bit copy, and the better one is kept', async () => {
    const job = await finished((await client.createJob(spec())).id);
    const [stage] = (await client.report(job.id)).stages;
    const recovery = stage?.recovery ?? assert.fail('the stage has no recovery');
    assert.equal(recovery.metric, 'agreement');
    assert.equal(recovery.history.length, 16);
    assert.ok(recovery.training_samples > 500);
    const best = recovery.history[recovery.best_epoch]?.held_out_loss ?? Number.NaN;
    assert.ok(best < recovery.held_out_loss_before, `loss ${recovery.held_out_loss_before} → ${best}`);
    assert.equal(recovery.gain.value.toFixed(6), (recovery.after - recovery.before).toFixed(6));
    assert.equal(recovery.kept, recovery.gain.value >= 0 ? 'recovered' : 'post_training');
    assert.equal(recovery.outcome === 'gain', recovery.gain.ci95[0] > 0);
    whole = job.result?.sha256 ?? assert.fail('the job has no result');
  });

  test('an engine that dies in a recovery is followed by one that goes on, to the same bytes', async () => {
    const { id } = await client.createJob(spec());
    await until('recovering', async () => (await client.job(id)).progress?.phase === 'recover', REACHES_MS);
    for (const pid of enginesBelow(data.path)) process.kill(pid, 'SIGKILL');
    const job = await finished(id);
    assert.equal(job.steps[0]?.attempt, 2);
    assert.equal(job.result?.sha256, whole);
  });

  const student = () => ({
    ...{ model, dataset, evaluate: { metric: 'agreement', latency: { runs: 40 } } },
    steps: [
      {
        ...{ type: 'distill', student: { template: 'mlp', widths: [48] }, training: { epochs: 12 } },
        quantize_aware: {
          ...{ scheme: 'int4_weights', only_what_pays: false, weights: { bits: 2, method: 'gptq' } },
          recover: { epochs: 12, scales: 'learned' },
        },
      },
    ],
  });

  test('a student is distilled, quantized, and taught on by its teacher in one step', async () => {
    const job = await finished((await client.createJob(student())).id);
    const report = await client.report(job.id);
    const [stage] = report.stages;
    const { distillation, recovery, weights } = stage ?? assert.fail('there is no stage');
    assert.equal(stage?.type, 'distill');
    assert.equal(stage?.scheme, 'int4_weights');
    assert.deepEqual({ bits: weights?.bits, method: weights?.method }, { bits: 2, method: 'gptq' });
    assert.equal(distillation?.history.length, 12);
    const best = recovery?.history[recovery.best_epoch]?.held_out_loss ?? Number.NaN;
    assert.ok(best < (recovery?.held_out_loss_before ?? 0), `${recovery?.held_out_loss_before} → ${best}`);
    assert.equal(recovery?.loss, 'kd');
    assert.equal(stage?.sha256, job.result?.sha256);

    const artifacts = await client.artifacts(job.id);
    const float = artifacts.find(({ name }) => name === 'float-student.onnx');
    assert.equal(float?.role, 'candidate');
    assert.ok(report.result.bytes < 0.5 * (float?.bytes ?? 0), `${report.result.bytes} of ${float?.bytes} bytes`);
    whole = job.result?.sha256 ?? assert.fail('the job has no result');
  });

  test('an engine that dies while the quantized student learns is followed by one that goes on, to the same bytes', async () => {
    const { id } = await client.createJob(student());
    await until('recovering', async () => (await client.job(id)).progress?.phase === 'recover', REACHES_MS);
    for (const pid of enginesBelow(data.path)) process.kill(pid, 'SIGKILL');
    const job = await finished(id);
    assert.equal(job.steps[0]?.attempt, 2);
    assert.equal(job.result?.sha256, whole);
  });
});
