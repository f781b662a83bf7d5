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

const QUICK = { evaluate: { latency: { runs: 40 } } };

describe('students cut out of a teacher, over HTTP', () => {
  let data: TestDataFolder;
  let service: RunningService;
  let client: Client;
  let dataset: string;
  let untrained: string;

  before(async () => {
    data = await makeDataFolder();
    service = await startService(data.path);
    client = new Client(service.url);
    dataset = (
      await client.uploadDataset('examples/data/digits.npz', 'digits.npz', { arrays: { x: { scale: 1 / 16 } } })
    ).id;
    const network = TEMPLATES.mlp(
      { input: { name: 'x', dims: [64] }, output: 'y', classes: 10 },
      [96],
      seededRandom(1),
    );
    const path = join(data.path, 'untrained.onnx');
    await writeFile(path, encodeModel(network));
    untrained = (await client.uploadModel(path, 'untrained')).id;
  });
  after(async () => {
    await service?.stop();
    await data.remove();
  });

  test('a teacher is trained, cut to a third and solved in one job, and not trained again', async () => {
    const model = { model: untrained };
    const steps = [
      { type: 'distill', student: model, loss: { kind: 'labels' }, training: { epochs: 25 } },
      { type: 'distill', student: { from: 'teacher', width: 0.34 }, training: { epochs: 0 } },
    ];
    const job = await client.createJob({ model: untrained, dataset, ...QUICK, steps });
    const done = await client.waitFor(job.id, () => {});
    assert.equal(done.status, 'succeeded', JSON.stringify(done.error));
    const report = await client.report(job.id);
    const distillation = report.stages[1]?.distillation ?? assert.fail('no second stage');
    const derived = distillation.derived ?? assert.fail('nothing was derived');
    assert.equal(distillation.best_epoch, -1);
    assert.equal(distillation.epochs, 0);
    assert.deepEqual(
      derived.groups.map(({ channels, kept }) => [channels, kept]),
      [
        [96, 33],
        [10, 10],
      ],
    );
    assert.equal(derived.parameters.student, 64 * 33 + 33 + 33 * 10 + 10);
    assert.equal(distillation.parameters, derived.parameters.student);
    const { teacher, sliced, solved } = derived.before_training;
    assert.ok(solved > sliced, `${solved} solved, ${sliced} sliced`);
    assert.ok(solved > teacher - 0.05, `${solved} for ${teacher}`);
    assert.ok(report.result.metric.value > 0.88, `accuracy ${report.result.metric.value}`);
    const page = await fetch(`${service.url}/v1/jobs/${job.id}/report`, { headers: { accept: 'text/markdown' } });
    assert.match(await page.text(), /Cut out of the teacher: 0\.3\d*x its parameters/);
  });

  test('a student that is to take a share of the time is timed again once it was chosen', async () => {
    const wide = await client.templateModel({
      ...{ template: 'mlp', widths: [256, 256], classes: 10 },
      input: { name: 'x', shape: [64] },
    });
    const target = { latency_ratio: 0.8 };
    const job = await client.createJob({
      ...{ model: wide.id, dataset },
      evaluate: { samples: 100, latency: { runs: 40, batch: 64 } },
      steps: [{ type: 'distill', student: { from: 'teacher', target, samples: 64 }, training: { epochs: 0 } }],
    });
    const done = await client.waitFor(job.id, () => {});
    assert.equal(done.status, 'succeeded', JSON.stringify(done.error));
    const { stages } = await client.report(job.id);
    const derived = stages[0]?.distillation?.derived ?? assert.fail('nothing was derived');
    assert.ok(derived.width < 1 && derived.operations.student < derived.operations.teacher);
    const { value, ci95 } = derived.latency_ratio ?? assert.fail('nothing was timed');
    assert.ok(value > 0 && ci95[0] <= value && value <= ci95[1]);
    const page = await fetch(`${service.url}/v1/jobs/${job.id}/report`, { headers: { accept: 'text/markdown' } });
    assert.match(await page.text(), /A run takes 0\.\d+ \(/);
  });

  test('what cannot be is refused at once, or by the engine with what to do', async () => {
    const post = async (student: object, training: object = {}) => {
      const response = await fetch(`${service.url}/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: untrained, dataset, steps: [{ type: 'distill', student, training }] }),
      });
      return {
        status: response.status,
        body: (await response.json()) as { id: string; errors: { pointer: string }[] },
      };
    };
    const none = await post({ template: 'mlp', widths: [4] }, { epochs: 0 });
    assert.equal(none.status, 422);
    assert.equal(none.body.errors[0]?.pointer, '/steps/0/training/epochs');
    assert.equal((await post({ from: 'teacher' })).status, 422);

    const planned = await fetch(`${service.url}/v1/jobs?dry_run=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: untrained,
        dataset,
        steps: [{ type: 'distill', student: { from: 'teacher', width: 0.5, drop_layers: 1 } }],
      }),
    });
    const { actions } = (await planned.json()) as { actions: string[] };
    assert.match(actions[0] ?? '', /drop 1 residual block and keep 0\.5 of the channels/);

    const deep = await post({ from: 'teacher', drop_layers: 2 });
    assert.equal(deep.status, 202);
    const { error } = await client.waitFor(deep.body.id, () => {});
    assert.equal(error?.code, 'invalid_request');
    assert.match(error?.detail ?? '', /0 residual blocks/);
  });
});
