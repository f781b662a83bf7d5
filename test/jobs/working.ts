import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { claimStep, finishJob } from '../../src/jobs/attempts.js';
import type { JobsContext } from '../../src/jobs/context.js';
import { listEvents } from '../../src/jobs/events.js';
import type { Consumer, DeliveryHandler } from '../../src/jobs/queue.js';
import { getJob } from '../../src/jobs/read-jobs.js';
import { startReconciler } from '../../src/jobs/reconciler.js';
import { isDone } from '../../src/jobs/state-machine.js';
import { artifactsOfJob } from '../../src/storage/records/artifacts.js';
import { ALICE, STAGE } from './fixtures.js';
import { until } from './until.js';

/** A lease as short as the locks of the test queues. */
export const QUICK_LEASE_MS = 1000;
export const RESULT = { name: 'model.onnx', role: 'model', bytes: 10, sha256: 'c'.repeat(64) } as const;
export const ENDED = { engineSeconds: 1, stage: STAGE, report: null, summary: null, error: null } as const;

/** A worker that needs no engine: claims, publishes a result, is done. */
export function instantWorker(context: JobsContext, owner: string): DeliveryHandler {
  return async (delivery) => {
    const claimed = await claimStep(context, delivery, owner, QUICK_LEASE_MS);
    if (claimed.outcome === 'claimed') await finishJob(context, claimed.attempt, { ...ENDED, artifacts: [RESULT] });
    return 'done';
  };
}

/** Consumers and a quick reconciler that end with the test. */
export async function work(t: TestContext, context: JobsContext, handler: DeliveryHandler): Promise<Consumer> {
  const reconciler = await startReconciler(context, 200);
  t.after(() => reconciler.close());
  const consumer = context.queue.consume('quantize', 2, handler);
  t.after(() => consumer.close());
  return consumer;
}

/** Waits until every job has succeeded, once: one result each, events without gaps, one terminal event. */
export async function allSucceedOnce(context: JobsContext, jobs: readonly string[], limitMs = 40_000): Promise<void> {
  const { queries } = context.database;
  for (const id of jobs) {
    await until(`job ${id} ends`, async () => isDone((await getJob(queries, ALICE, id)).status), limitMs);
    assert.equal((await getJob(queries, ALICE, id)).status, 'succeeded');
    assert.equal((await artifactsOfJob(queries, ALICE, id)).length, 1, 'one result');
    const { events } = await listEvents(queries, ALICE, id, 0, 1000);
    assert.deepEqual(
      events.map((event) => event.id),
      events.map((_, index) => index + 1),
    );
    assert.equal(events.filter(({ type }) => type === 'job.succeeded').length, 1);
    assert.equal(events.at(-1)?.type, 'job.succeeded');
  }
}
