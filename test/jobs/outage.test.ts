import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { QUEUE_DEADLINE_MS } from '../../src/jobs/queue.js';
import { readConfig } from '../../src/platform/config.js';
import { ServiceError } from '../../src/platform/errors.js';
import { createLogger } from '../../src/platform/logger.js';
import { openServices, type Services } from '../../src/services.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from '../harness/postgres.js';
import { skipWithoutRedis, startRedis, type TestRedis } from '../harness/redis.js';
import { aJob, aModel, aSpec } from './fixtures.js';
import { until } from './until.js';
import { allSucceedOnce, instantWorker, work } from './working.js';

const logger = createLogger('worker', 'silent');
/** A busy machine may be late by this much beyond a deadline. */
const SLACK_MS = 1000;

describe('services whose servers go away and come back', { skip: skipWithoutPostgres || skipWithoutRedis }, () => {
  let postgres: TestPostgres;
  let redis: TestRedis;
  let dataDir: string;
  let services: Services;
  before(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    dataDir = await mkdtemp(join(tmpdir(), 'modelpress-data-'));
    const databaseUrl = await postgres.createDatabase();
    const config = readConfig({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl, REDIS_URL: redis.url });
    services = await openServices(config, logger);
    await until('the services are ready', async () => (await services.readiness()).ready);
  });
  after(async () => {
    await services.close();
    await Promise.all([postgres.stop(), redis.stop()]);
    await rm(dataDir, { recursive: true, force: true });
  });
  const notReady = async () => {
    const { parts } = await services.readiness();
    return Object.entries(parts).flatMap(([part, state]) => (state === 'ready' ? [] : [part]));
  };

  it('answer unavailable in time while Redis is away, and lose nothing that was accepted', async (t) => {
    const spec = aSpec(await aModel(services));
    const before = await aJob(services, spec);
    await redis.kill();
    const asked = Date.now();
    await assert.rejects(
      services.queue.check(),
      (error) => error instanceof ServiceError && error.code === 'unavailable',
    );
    assert.ok(Date.now() - asked < QUEUE_DEADLINE_MS + SLACK_MS);
    assert.deepEqual(await notReady(), ['queue']);
    const accepted = Date.now();
    const during = await aJob(services, spec);
    assert.ok(Date.now() - accepted < QUEUE_DEADLINE_MS + SLACK_MS, 'an accepted job does not wait for the queue');
    await work(t, services, instantWorker(services, 'worker'));
    await redis.start();
    await allSucceedOnce(services, [before.id, during.id]);
    assert.deepEqual(await notReady(), []);
  });

  it('go on when Redis is killed and restarted under a working consumer', async (t) => {
    const spec = aSpec(await aModel(services));
    await work(t, services, instantWorker(services, 'worker'));
    const jobs = [await aJob(services, spec)];
    await allSucceedOnce(
      services,
      jobs.map(({ id }) => id),
    );
    await redis.kill();
    for (let index = 0; index < 3; index++) jobs.push(await aJob(services, spec));
    await redis.start();
    jobs.push(await aJob(services, spec));
    await allSucceedOnce(
      services,
      jobs.map(({ id }) => id),
    );
  });

  it('lose nothing when Redis is emptied', async (t) => {
    const spec = aSpec(await aModel(services));
    const jobs: string[] = [];
    for (let index = 0; index < 10; index++) jobs.push((await aJob(services, spec)).id);
    const admin = new Redis(redis.url);
    t.after(() => admin.disconnect());
    await admin.flushall();
    assert.deepEqual(await services.queue.known(), []);
    await work(t, services, instantWorker(services, 'worker'));
    await admin.flushall();
    await allSucceedOnce(services, jobs);
  });

  it('recover from a restart of the database', async (t) => {
    const spec = aSpec(await aModel(services));
    await work(t, services, instantWorker(services, 'worker'));
    const jobs = [await aJob(services, spec)];
    await postgres.kill();
    assert.deepEqual(await notReady(), ['database']);
    await assert.rejects(
      aJob(services, spec),
      (error) => error instanceof ServiceError && error.code === 'unavailable',
    );
    await postgres.start();
    await until('the database is ready again', async () => (await notReady()).length === 0);
    jobs.push(await aJob(services, spec));
    await allSucceedOnce(
      services,
      jobs.map(({ id }) => id),
    );
  });
});

describe('a queue on a database server that restarts', { skip: skipWithoutPostgres }, () => {
  it('goes on with the consumers and wake-ups that it had', async (t) => {
    const postgres = await startPostgres();
    const dataDir = await mkdtemp(join(tmpdir(), 'modelpress-data-'));
    const config = readConfig({ DATA_DIR: dataDir, DATABASE_URL: await postgres.createDatabase() });
    const services = await openServices(config, logger);
    const spec = aSpec(await aModel(services));
    await work(t, services, instantWorker(services, 'worker'));
    t.after(async () => {
      await services.close();
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    });
    const first = await aJob(services, spec);
    await allSucceedOnce(services, [first.id]);
    await postgres.kill();
    assert.deepEqual((await services.readiness()).ready, false);
    await postgres.start();
    await until('the services are ready again', async () => (await services.readiness()).ready);
    const second = await aJob(services, spec);
    await allSucceedOnce(services, [second.id]);
    const watch = services.signals.watch('job_watched');
    t.after(() => watch.close());
    let woken = false;
    const started = Date.now();
    void watch.changed().then(() => {
      woken = true;
    });
    await until('a hint arrives', async () => {
      await services.database.pool.query('SELECT pg_notify($1, $2)', ['modelpress_jobs', 'job_watched']);
      return woken;
    });
    assert.ok(Date.now() - started < 4000, 'woken by the hint, not by the safety poll');
  });
});

describe('services that start before their servers', { skip: skipWithoutPostgres || skipWithoutRedis }, () => {
  it('wait for them', async (t) => {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const dataDir = await mkdtemp(join(tmpdir(), 'modelpress-data-'));
    const databaseUrl = await postgres.createDatabase();
    await Promise.all([postgres.kill('SIGINT'), redis.kill()]);
    const config = readConfig({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl, REDIS_URL: redis.url });
    let opened = false;
    const opening = openServices(config, logger).finally(() => {
      opened = true;
    });
    assert.equal(opened, false);
    await postgres.start();
    const services = await opening;
    await work(t, services, instantWorker(services, 'worker'));
    t.after(async () => {
      await services.close();
      await Promise.all([postgres.stop(), redis.stop()]);
      await rm(dataDir, { recursive: true, force: true });
    });
    const { id } = await aJob(services, aSpec(await aModel(services)));
    assert.equal((await services.readiness()).parts.database, 'ready');
    await redis.start();
    await allSucceedOnce(services, [id]);
  });
});
