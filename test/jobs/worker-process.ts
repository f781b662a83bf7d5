/**
 * A worker process for tests to kill: claims one step, says so on standard output, keeps its lease until the line `finish`
 * comes in, then tries to publish and says what came of it. Configured by one JSON argument.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { acceptJob } from '../../src/jobs/accept-job.js';
import { claimStep, finishJob, renewLease } from '../../src/jobs/attempts.js';
import { openQueue } from '../../src/jobs/open-queue.js';
import { startReconciler } from '../../src/jobs/reconciler.js';
import { ServiceError } from '../../src/platform/errors.js';
import { createLogger } from '../../src/platform/logger.js';
import { openDatabase } from '../../src/storage/database.js';
import { ALICE, aModel, aSpec } from './fixtures.js';
import { QUICK } from './stacks.js';
import { ENDED, QUICK_LEASE_MS, RESULT } from './working.js';

const settings = z
  .object({
    databaseUrl: z.string().optional(),
    dataDir: z.string().default(''),
    redisUrl: z.string().optional(),
    /** Jobs to accept first. */
    jobs: z.number().default(0),
    leaseMs: z.number().default(QUICK_LEASE_MS),
  })
  .parse(JSON.parse(process.argv[2] ?? '{}'));
const say = (line: string) => process.stdout.write(`${line}\n`);

const unlessAway = (error: unknown): void => {
  if (!(error instanceof ServiceError && error.code === 'unavailable')) throw error;
};

const logger = createLogger('worker', 'silent');
const database = await openDatabase({ databaseUrl: settings.databaseUrl, dataDir: settings.dataDir }, logger);
const { queue, signals } = openQueue(settings.redisUrl, database.pool, logger, QUICK);
const context = { database, queue, signals, logger };
const lines = createInterface({ input: process.stdin });
const finish = new Promise<void>((resolve) => lines.once('line', () => resolve()));

if (settings.jobs > 0) {
  const spec = aSpec(await aModel(context));
  for (let index = 0; index < settings.jobs; index++) {
    const job = await database.transaction((trx) => acceptJob(trx, { tenant: ALICE, spec, requestId: 'req_test' }));
    say(`accepted ${job.id}`);
  }
}
await startReconciler(context, 200);
queue.consume('quantize', 1, async (delivery) => {
  const claimed = await claimStep(context, delivery, 'child', settings.leaseMs);
  if (claimed.outcome !== 'claimed') return 'done';
  say(`claimed ${delivery.job}`);
  let finishing = false;
  void finish.then(() => {
    finishing = true;
  });
  while (!finishing) {
    // A connection that was cut while the process was stopped is replaced at the next beat.
    await renewLease(context, claimed.attempt, 1, settings.leaseMs).catch(unlessAway);
    await sleep(100);
  }
  for (;;) {
    const outcome = await finishJob(context, claimed.attempt, { ...ENDED, artifacts: [RESULT] }).catch(unlessAway);
    if (outcome === undefined) continue;
    say(`outcome ${outcome}`);
    break;
  }
  return 'done';
});
