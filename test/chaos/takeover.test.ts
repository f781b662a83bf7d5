import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from '../harness/postgres.js';
import { skipWithoutRedis, startRedis, type TestRedis } from '../harness/redis.js';
import { freePort } from '../harness/server-process.js';
import { until } from '../jobs/until.js';
import { endless } from '../workers/models.js';
import { enginesBelow } from '../workers/processes.js';
import { temporaryFolder } from '../workers/service.js';
import { HttpClient } from './http-client.js';
import { ServiceProcess } from './service-process.js';

/** An engine looks for its parent every 0.5 s. */
const ORPHAN_MS = 2000;
/** A held delivery is found after its lock of 30 s, at one of the looks every 10 s. */
const TAKEOVER_MS = 45_000;
/** A process of ours starts within that on a busy machine of two cores. */
const START_MS = 30_000;

const attempts = async (client: HttpClient, job: string) => (await client.job(job)).steps[0]?.attempt ?? 0;

describe('an embedded service that is killed', () => {
  let root: string;
  let client: HttpClient;
  let service: ServiceProcess;
  before(async () => {
    root = await temporaryFolder();
    const DATA_DIR = join(root, 'data');
    await mkdir(DATA_DIR);
    const PORT = String(await freePort());
    client = new HttpClient(`http://127.0.0.1:${PORT}`);
    service = new ServiceProcess('embedded', { DATA_DIR, PORT });
    service.start();
    await client.ready();
  });
  after(async () => {
    await service.end('SIGTERM');
    await rm(root, { recursive: true, force: true });
  });

  test('takes its engine with it, in an endless run too, and goes on at once when it is started again', async () => {
    const job = await client.submit({ model: await client.upload(endless()), steps: [] });
    await until('the engine runs', () => enginesBelow(root).length === 1, START_MS);
    await service.end('SIGKILL');
    await until('the engine is dead', () => enginesBelow(root).length === 0, ORPHAN_MS);
    service.start();
    await client.ready();
    await until('the step goes on', async () => (await attempts(client, job)) === 2, 5000);
    await client.cancel(job);
    await until('the job has ended', async () => (await client.job(job)).done);
  });

  test('gives its step back on SIGTERM, and goes on when it is started again', async () => {
    const job = await client.submit({ model: await client.upload(endless()), steps: [] });
    await until('the engine runs', () => enginesBelow(root).length === 1, START_MS);
    await service.end('SIGTERM');
    assert.deepEqual(enginesBelow(root), []);
    service.start();
    await until('the step goes on', async () => (await attempts(client, job)) === 2, START_MS);
    const types = (await client.events(job)).map(({ type }) => type);
    assert.ok(types.includes('job.retrying'));
    await client.cancel(job);
    await until('the job has ended', async () => (await client.job(job)).done);
  });
});

describe('a worker beside others on Redis', { skip: skipWithoutRedis || skipWithoutPostgres }, () => {
  let root: string;
  let redis: TestRedis;
  let postgres: TestPostgres;
  let client: HttpClient;
  let api: ServiceProcess;
  const workers: ServiceProcess[] = [];
  before(async () => {
    root = await temporaryFolder();
    const DATA_DIR = join(root, 'data');
    await mkdir(DATA_DIR);
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
    const PORT = String(await freePort());
    const environment = { DATA_DIR, PORT, REDIS_URL: redis.url, DATABASE_URL: await postgres.createDatabase() };
    client = new HttpClient(`http://127.0.0.1:${PORT}`);
    api = new ServiceProcess('api', environment);
    workers.push(new ServiceProcess('worker', environment), new ServiceProcess('worker', environment));
    api.start();
    await client.ready();
  });
  after(async () => {
    await Promise.all([api, ...workers].map((process) => process.end('SIGTERM')));
    await Promise.all([redis.stop(), postgres.stop()]);
    await rm(root, { recursive: true, force: true });
  });

  test('is killed: another one takes its step over', async () => {
    const [first, second] = workers;
    first?.start();
    const job = await client.submit({ model: await client.upload(endless()), steps: [] });
    await until('the engine runs', () => enginesBelow(root).length === 1, START_MS);
    second?.start();
    await first?.end('SIGKILL');
    const killed = Date.now();
    await until('the engine is dead', () => enginesBelow(root).length === 0, ORPHAN_MS);
    await until('the other worker goes on', async () => (await attempts(client, job)) === 2, TAKEOVER_MS);
    console.log(`taken over after ${((Date.now() - killed) / 1000).toFixed(1)} s`);
    await client.cancel(job);
    await until('the job has ended', async () => (await client.job(job)).done);
    await until('no engine is left', () => enginesBelow(root).length === 0);
  });
});
