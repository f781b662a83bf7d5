import type { Queries } from '../storage/database.js';
import type { JobEventRow, JobRow } from '../storage/schema.js';
import type { Tenant } from '../storage/tenant.js';
import type { JobsContext } from './context.js';
import { getJob } from './read-jobs.js';
import { isDone } from './state-machine.js';

/** Events that a follower reads at once. */
const PAGE = 100;

/** A page of a job's events with ids above `after`, oldest first. Throws `not_found`. */
export async function listEvents(
  queries: Queries,
  tenant: Tenant,
  id: string,
  after: number,
  limit: number,
): Promise<{ events: JobEventRow[]; hasMore: boolean }> {
  await getJob(queries, tenant, id);
  const rows = await eventsAfter(queries, id, after, limit + 1);
  return { events: rows.slice(0, limit), hasMore: rows.length > limit };
}

function eventsAfter(queries: Queries, id: string, after: number, limit: number): Promise<JobEventRow[]> {
  return queries
    .selectFrom('job_events')
    .selectAll()
    .where('job_id', '=', id)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute();
}

/**
 * A job's events with ids above `after`, as they happen: every one, once, in order, up to the terminal one. Ends early when
 * `signal` aborts. Throws `not_found`, also when the job is deleted meanwhile.
 */
export async function* followEvents(
  context: Pick<JobsContext, 'database' | 'signals'>,
  tenant: Tenant,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<JobEventRow, void> {
  const { queries } = context.database;
  const watch = context.signals.watch(id);
  try {
    let last = after;
    while (!signal.aborted) {
      // Read before the events: a job that was done by then has no later ones.
      const { status } = await getJob(queries, tenant, id);
      const events = await eventsAfter(queries, id, last, PAGE);
      for (const event of events) {
        yield event;
        last = event.id;
      }
      if (events.length === PAGE) continue;
      if (isDone(status)) return;
      await watch.changed(signal);
    }
  } finally {
    watch.close();
  }
}

/** The job when it is done, or as it is when `signal` aborts first. Throws `not_found`. */
export async function waitUntilDone(
  context: Pick<JobsContext, 'database' | 'signals'>,
  tenant: Tenant,
  id: string,
  signal: AbortSignal,
): Promise<JobRow> {
  const { queries } = context.database;
  const watch = context.signals.watch(id);
  try {
    for (;;) {
      const job = await getJob(queries, tenant, id);
      if (isDone(job.status) || signal.aborted) return job;
      await watch.changed(signal);
    }
  } finally {
    watch.close();
  }
}
