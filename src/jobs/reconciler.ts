import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRow } from '../storage/schema.js';
import type { JobsContext } from './context.js';
import { decideEndAbandonedCancel } from './decisions/cancel.js';
import { enqueueStep } from './enqueue-step.js';
import { RECONCILE_INTERVAL_MS } from './limits.js';
import { transact } from './transact.js';

type Owed = Pick<JobRow, 'id' | 'status' | 'steps' | 'step'>;

/** Unfinished jobs that no live worker holds. */
function withoutLiveLease({ database }: JobsContext): Promise<Owed[]> {
  return database.queries
    .selectFrom('jobs')
    .select(['id', 'status', 'steps', 'step'])
    .where('status', 'in', ['queued', 'running', 'cancelling'])
    .where(({ or, eb, fn }) =>
      or([eb('lease_owner', 'is', null), eb('lease_expires_at', '<=', fn<Date>('clock_timestamp'))]),
    )
    .orderBy('id')
    .execute();
}

/**
 * Makes the queue hold what the records owe: steps whose enqueue was lost, steps whose worker died and whose delivery is gone, all
 * of them after the queue was emptied. A delivery that is merely held by a dead worker is left to the queue, which brings it
 * again. Cancelled jobs that no worker will end are ended. Returns how many of each.
 */
export async function reconcile(context: JobsContext): Promise<{ enqueued: number; ended: number }> {
  const jobs = await withoutLiveLease(context);
  if (jobs.length === 0) return { enqueued: 0, ended: 0 };
  let ended = 0;
  for (const job of jobs.filter(({ status }) => status === 'cancelling')) {
    const done = await transact(context, job.id, decideEndAbandonedCancel);
    if (done?.outcome) ended += 1;
  }
  const known = new Set((await context.queue.known()).map(({ job, step }) => `${job}-${step}`));
  const lost = jobs.filter(({ id, status, step }) => status !== 'cancelling' && !known.has(`${id}-${step}`));
  for (const job of lost) await enqueueStep(context, job);
  if (lost.length + ended > 0) context.logger.info({ enqueued: lost.length, ended }, 'reconciled queue and records');
  return { enqueued: lost.length, ended };
}

/**
 * For a start at which nobody else can be working (embedded): every lease is a dead process's, every entry of the queue too. The
 * queue is rebuilt from the records, and no lock has to expire. Lost workers are counted when their steps are claimed.
 */
export async function rebuildQueue(context: JobsContext): Promise<void> {
  await context.database.queries
    .updateTable('jobs')
    .set(({ fn }) => ({ lease_expires_at: fn<Date>('clock_timestamp') }))
    .where('status', 'in', ['running', 'cancelling'])
    .where('lease_owner', 'is not', null)
    .execute();
  await context.queue.clear();
  await reconcile(context);
}

export interface Reconciler {
  close(): Promise<void>;
}

/**
 * Reconciles every few seconds until closed; as many processes as like may do so. Embedded, the queue is rebuilt before this
 * resolves, so consumers start after it.
 */
export async function startReconciler(
  context: JobsContext,
  intervalMs: number = RECONCILE_INTERVAL_MS,
): Promise<Reconciler> {
  if (context.database.embedded) await rebuildQueue(context);
  const closing = new AbortController();
  const loop = (async () => {
    while (!closing.signal.aborted) {
      await reconcile(context).catch((error: unknown) =>
        context.logger.warn({ err: error }, 'queue and records could not be compared; the next round will'),
      );
      await sleep(intervalMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  })();
  return {
    async close() {
      closing.abort();
      await loop;
    },
  };
}
