import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { scratchRoot } from '../../workers/supervisor/scratch.js';
import { until } from '../jobs/until.js';
import { INSPECTION } from '../storage/samples.js';
import { classifier, deepChain, endless, hungry } from './models.js';
import { TestService } from './service.js';

const FIXED_INPUT = {
  ...INSPECTION,
  inputs: [{ name: 'x', dtype: 'float32' as const, shape: ['n', 4] }],
};

describe('a worker with real engines', () => {
  let service: TestService;
  before(async () => {
    service = await TestService.open();
  });
  after(() => service.close());

  const run = async (model: Uint8Array, spec: object = {}) => {
    const { client } = service;
    const job = await client.done(await client.submit({ model: await client.upload(model), steps: [], ...spec }));
    return { job, artifacts: await client.artifacts(job.id) };
  };

  test('evaluates a model as it is', async () => {
    const bytes = classifier();
    const { job, artifacts } = await run(bytes);
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error));
    assert.deepEqual(
      artifacts.map(({ role, name }) => [role, name]),
      [
        ['model', 'model.onnx'],
        ['log', 'engine.log'],
      ],
    );
    assert.ok((await service.client.content(artifacts[0]?.sha256 ?? '')).equals(bytes), 'byte for byte');
    assert.equal(job.report?.result.sha256, artifacts[0]?.sha256);
    assert.equal(job.report?.environment.threads, 1);
    assert.equal(job.report?.reproduce.inputs.model, `sha256:${artifacts[0]?.sha256}`);
    assert.ok(job.engine_seconds > 0);
  });

  test('quantizes to the same bytes twice', async () => {
    const spec = { steps: [{ type: 'quantize', scheme: 'int8_dynamic', only_what_pays: false }] };
    const [first, second] = [await run(classifier(2), spec), await run(classifier(2), spec)];
    assert.equal(first.job.status, 'succeeded', JSON.stringify(first.job.error));
    assert.equal(first.artifacts[0]?.role, 'model');
    assert.equal(first.artifacts[0]?.sha256, second.artifacts[0]?.sha256);
    assert.notEqual(first.artifacts[0]?.sha256, first.job.report?.original.sha256);
  });

  test('runs steps in a row, each on the model before it', async () => {
    const steps = [
      { type: 'quantize', scheme: 'optimized' },
      { type: 'quantize', scheme: 'int8_dynamic', only_what_pays: false },
    ];
    const { job, artifacts } = await run(classifier(3), { steps });
    assert.equal(job.status, 'succeeded', JSON.stringify(job.error));
    assert.deepEqual(
      artifacts.map(({ role, step }) => [role, step]),
      [
        ['model', 1],
        ['stage', 0],
        ['certificate', 1],
        ['log', 0],
        ['log', 1],
      ],
    );
    assert.deepEqual(
      job.report?.stages.map(({ scheme }) => scheme),
      ['optimized', 'int8_dynamic'],
    );
  });

  test('keeps the report and a candidate when the requirements are not met', async () => {
    const { job, artifacts } = await run(classifier(4), { require: { max_size_ratio: 0.01 } });
    assert.equal(job.status, 'failed');
    assert.equal(job.error?.code, 'requirements_not_met');
    assert.match(job.error?.detail ?? '', /max_size_ratio/);
    assert.equal(job.report?.verdict, 'not_met');
    assert.deepEqual(
      artifacts.map(({ role }) => role),
      ['candidate', 'log'],
    );
  });

  test('kills a model that never ends when its time is over', async () => {
    const { job, artifacts } = await run(endless(), { timeout_seconds: 1 });
    assert.equal(job.status, 'failed');
    assert.equal(job.error?.code, 'timeout');
    assert.ok(job.engine_seconds < 1 + 2 + 2, `${job.engine_seconds} s of engine time`);
    assert.deepEqual(artifacts, []);
  });

  test('names the memory limit when a graph wants 100 GB', async () => {
    const { job } = await run(hungry());
    assert.equal(job.error?.code, 'memory_limit_exceeded');
    assert.equal(job.attempt, 1, 'it would want them again');
  });

  test('survives a model that crashes ONNX Runtime, and tries it three times', async () => {
    const { client } = service;
    const model = await client.upload(deepChain(), FIXED_INPUT);
    const job = await client.done(await client.submit({ model, steps: [] }));
    assert.equal(job.status, 'failed');
    assert.equal(job.error?.code, 'runtime_crash');
    assert.equal(job.attempt, 3);
  });

  test('takes an engine that is killed for a crash, and starts another one', async () => {
    const { client } = service;
    const id = await client.submit({ model: await client.upload(endless()), steps: [], timeout_seconds: 60 });
    await until('the engine runs', () => service.engines().length === 1);
    for (const pid of service.engines()) process.kill(pid, 'SIGKILL');
    const job = await client.until(id, ({ crashes, attempt }) => crashes === 1 && attempt === 2);
    assert.equal(job.status, 'running');
    await client.cancel(id);
    await client.done(id);
  });

  test('cancels a job that waits, that runs, and not one that has ended', async () => {
    const { client } = service;
    const model = await client.upload(endless());
    const running = await client.submit({ model, steps: [] });
    await client.until(running, ({ progress }) => progress?.phase === 'scoring');
    const waiting = await client.submit({ model, steps: [] });
    assert.equal(await client.cancel(waiting), 'cancelled');
    assert.equal((await client.done(waiting)).status, 'cancelled');
    const asked = performance.now();
    assert.equal(await client.cancel(running), 'cancelling');
    assert.equal((await client.done(running)).status, 'cancelled');
    assert.ok(performance.now() - asked < 5000, 'within the grace period of 2 s, and some more');
    await assert.rejects(client.cancel((await run(classifier(5))).job.id), /already_finished/);
  });

  test('leaves no process and no scratch folder', async () => {
    assert.deepEqual(service.engines(), []);
    assert.deepEqual(readdirSync(scratchRoot(service.dataDir)), []);
  });
});

describe('limits of an engine', () => {
  test('an engine without a heartbeat is killed and tried again', async () => {
    const service = await TestService.open({ silenceMs: 1500 });
    const { client } = service;
    const id = await client.submit({ model: await client.upload(endless()), steps: [] });
    for (let crashes = 1; crashes <= 3; crashes++) {
      await until('the engine runs', () => service.engines().length === 1);
      for (const pid of service.engines()) process.kill(pid, 'SIGSTOP');
      await client.until(id, (job) => job.crashes === crashes);
    }
    assert.equal((await client.done(id)).error?.code, 'engine_silent');
    await service.close();
  });

  test('an engine that fills the disk is killed', async () => {
    const service = await TestService.open({ scratchBytes: 1000 });
    const { client } = service;
    const id = await client.submit({ model: await client.upload(endless()), steps: [] });
    assert.equal((await client.done(id)).error?.code, 'no_space');
    await service.close();
  });
});

describe('a worker that shuts down', () => {
  test('gives its step back, uncounted, and leaves no engine', async () => {
    const service = await TestService.open();
    const { client } = service;
    const id = await client.submit({ model: await client.upload(endless()), steps: [] });
    await client.until(id, ({ progress }) => progress?.phase === 'scoring');
    await service.closeWorker();
    const job = await client.job(id);
    assert.deepEqual(
      {
        status: job.status,
        step: job.steps[0]?.status,
        crashes: job.crashes,
        losses: job.losses,
        owner: job.lease_owner,
      },
      { status: 'running', step: 'queued', crashes: 0, losses: 0, owner: null },
    );
    assert.deepEqual(service.engines(), []);
    assert.deepEqual(readdirSync(scratchRoot(service.dataDir)), []);
    await service.close();
  });
});
