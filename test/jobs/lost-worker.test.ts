import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JobsContext } from '../../src/jobs/context.js';
import { LEASE_MS } from '../../src/jobs/limits.js';
import { openQueue } from '../../src/jobs/open-queue.js';
import { getJob } from '../../src/jobs/read-jobs.js';
import { createLogger } from '../../src/platform/logger.js';
import { openDatabase } from '../../src/storage/database.js';
import { makeDataFolder } from '../harness/data-folder.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from '../harness/postgres.js';
import { skipWithoutRedis, startRedis, type TestRedis } from '../harness/redis.js';
import { startWorkerProcess } from './child.js';
import { ALICE, aJob, aModel, aSpec } from './fixtures.js';
import { QUICK } from './stacks.js';
import { until } from './until.js';
import { allSucceedOnce, instantWorker, work } from './working.js';

const logger = createLogger('worker', 'silent');

for (const queueOn of ['PostgreSQL', 'Redis'] as const) {
  const skip = skipWithoutPostgres || (queueOn === 'Redis' && skipWithoutRedis);
  describe(`a worker process that is lost, with the queue on ${queueOn}`, { skip }, () => {
    let postgres: TestPostgres;
    let redis: TestRedis | undefined;
    let settings: { databaseUrl: string; redisUrl: string | undefined };
    let context: JobsContext;
    before(async () => {
      postgres = await startPostgres();
      if (queueOn === 'Redis') redis = await startRedis();
      settings = { databaseUrl: await postgres.createDatabase(), redisUrl: redis?.url };
      const database = await openDatabase({ databaseUrl: settings.databaseUrl, dataDir: '' }, logger);
      context = { database, ...openQueue(settings.redisUrl, database.pool, logger, QUICK), logger };
    });
    after(async () => {
      await context.queue.close();
      await context.signals.close();
      await context.database.close();
      await redis?.stop();
      await postgres.stop();
    });

    it('is replaced after SIGKILL', async (t) => {
      const child = startWorkerProcess(t, settings);
      const job = await aJob(context, aSpec(await aModel(context)));
      assert.equal(await child.says('claimed'), job.id);
      await child.kill('SIGKILL');
      await work(t, context, instantWorker(context, 'parent'));
      await allSucceedOnce(context, [job.id]);
      const { losses, crashes, attempt } = await getJob(context.database.queries, ALICE, job.id);
      assert.deepEqual({ losses, crashes, attempt }, { losses: 1, crashes: 0, attempt: 2 });
    });

    it('publishes nothing when it wakes up late', async (t) => {
      const child = startWorkerProcess(t, settings);
      const job = await aJob(context, aSpec(await aModel(context)));
      await child.says('claimed');
      await child.kill('SIGSTOP');
      await work(t, context, instantWorker(context, 'parent'));
      await allSucceedOnce(context, [job.id]);
      child.write('finish');
      await child.kill('SIGCONT');
      assert.equal(await child.says('outcome'), 'fenced');
      await allSucceedOnce(context, [job.id]);
    });
  });
}

describe('an embedded process that was killed', () => {
  it('works on at its next start, without waiting for any lock or lease', async (t) => {
    const folder = await makeDataFolder();
    const dataDir = folder.path;
    const child = startWorkerProcess(t, { dataDir, jobs: 5, leaseMs: LEASE_MS });
    const claimed = await child.says('claimed');
    await child.kill('SIGKILL');
    const jobs = child.lines
      .filter((line) => line.startsWith('accepted '))
      .map((line) => line.slice('accepted '.length));
    assert.equal(jobs.length, 5);

    const database = await openDatabase({ databaseUrl: undefined, dataDir }, logger);
    // The locks of real workers, 30 s long: nobody may wait for them.
    const context = { database, ...openQueue(undefined, database.pool, logger), logger };
    const started = Date.now();
    await work(t, context, instantWorker(context, 'parent'));
    // Hooks run in the order of their registration: the database goes after its users.
    t.after(async () => {
      await context.queue.close();
      await context.signals.close();
      await database.close();
      await folder.remove();
    });
    await allSucceedOnce(context, jobs);
    assert.ok(Date.now() - started < LEASE_MS, `took ${Date.now() - started} ms`);
    assert.equal((await getJob(database.queries, ALICE, claimed)).losses, 1);
    await until('the queue is empty', async () => (await context.queue.known()).length === 0);
  });
});
