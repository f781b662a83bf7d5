import assert from 'node:assert/strict';
import { test } from 'node:test';
import { skipWithoutPostgres, startPostgres } from '../harness/postgres.js';
import { skipWithoutRedis, startRedis } from '../harness/redis.js';
import { mountSmallDisk } from '../harness/small-disk.js';
import { until } from '../jobs/until.js';
import { linearModel } from './fixtures.js';
import { startApi, type TestApi } from './harness.js';

/** What a client may wait for a 503 at most, and the slack of a machine that runs other tests. */
const ANSWER_MS = 2500 + 2500;

const upload = (api: TestApi, seed: number) =>
  api.agent().post('/v1/models').set('content-type', 'application/octet-stream').send(linearModel(seed));

async function assertAway(
  call: () => PromiseLike<{ status: number; body: { code: string }; headers: Record<string, string> }>,
) {
  const start = performance.now();
  const { status, body, headers } = await call();
  assert.deepEqual([status, body.code], [503, 'unavailable']);
  assert.ok(Number(headers['retry-after']) > 0);
  assert.ok(performance.now() - start < ANSWER_MS, `it took ${performance.now() - start} ms`);
}

test('a queue that is away is 503 for new jobs only, and comes back without a restart', {
  skip: skipWithoutRedis,
  timeout: 180_000,
}, async () => {
  const redis = await startRedis();
  const api = await startApi({ environment: { REDIS_URL: redis.url } });
  try {
    const model = (await upload(api, 1)).body.id;
    const post = () => api.agent().post('/v1/jobs').send({ model, steps: [] });
    const { body: job } = await post().expect(202);
    await redis.kill();
    await assertAway(post);
    await api.agent().get(job.urls.self).expect(200);
    await upload(api, 2).expect(201);
    const { body } = await api.agent().get('/readyz').expect(503);
    assert.equal(body.parts.database, 'ready');
    assert.notEqual(body.parts.queue, 'ready');
    await redis.start();
    await until('jobs are accepted again', async () => (await post()).status === 202, 60_000);
    await api.agent().get('/readyz').expect(200);
  } finally {
    await api.stop();
    await redis.stop();
  }
});

test('a database that is away is 503, and comes back without a restart', {
  skip: skipWithoutPostgres,
  timeout: 180_000,
}, async () => {
  const postgres = await startPostgres();
  const api = await startApi({ environment: { DATABASE_URL: await postgres.createDatabase() } });
  try {
    await upload(api, 1).expect(201);
    await postgres.kill('SIGQUIT');
    await assertAway(() => api.agent().get('/v1/models'));
    await assertAway(() => upload(api, 2));
    assert.deepEqual(await api.temporaryFiles(), []);
    const { body } = await api.agent().get('/readyz').expect(503);
    assert.notEqual(body.parts.database, 'ready');
    await api.agent().get('/livez').expect(200);
    await postgres.start();
    await until('models are listed again', async () => (await api.agent().get('/v1/models')).status === 200, 60_000);
    await upload(api, 2).expect(201);
  } finally {
    await api.stop();
    await postgres.stop();
  }
});

const disk = mountSmallDisk(4);
process.once('exit', () => disk?.remove());

test('a full disk is 507 for uploads, which work again when there is space', {
  skip: disk === null ? 'this test may not mount a file system' : skipWithoutPostgres,
  timeout: 180_000,
}, async () => {
  assert.ok(disk);
  const postgres = await startPostgres();
  const api = await startApi({ environment: { DATABASE_URL: await postgres.createDatabase(), DATA_DIR: disk.path } });
  try {
    await upload(api, 1).expect(201);
    disk.fill();
    const { body } = await upload(api, 2).expect(507);
    assert.equal(body.code, 'no_space');
    await api.agent().get('/v1/models').expect(200);
    disk.drain();
    await upload(api, 2).expect(201);
  } finally {
    await api.stop();
    await postgres.stop();
  }
});
