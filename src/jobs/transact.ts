import type { Trx } from '../storage/database.js';
import { type JobRow, json, jsonOrNull } from '../storage/schema.js';
import type { Tenant } from '../storage/tenant.js';
import type { JobsContext } from './context.js';
import type { Decision, JobChange, NewEvent } from './decisions/decision.js';

export interface Transacted<Outcome> {
  readonly outcome: Outcome;
  /** The record after the transition. */
  readonly job: JobRow;
  /** Whether events were appended, so that watchers should look. */
  readonly changed: boolean;
}

export interface TransitionOptions<Outcome> {
  /** Whose job it must be; a worker acts for every tenant. */
  readonly tenant?: Tenant;
  /** Writes what becomes visible together with the change. */
  readonly alongside?: (trx: Trx, job: JobRow, outcome: Outcome) => Promise<unknown>;
}

/**
 * The effectful half of every transition, within a transaction: locks the job's row, decides on it by the database's clock, writes
 * what `alongside` adds, the events and the row. Null when there is no such job.
 */
export async function transition<Outcome>(
  trx: Trx,
  id: string,
  decide: (job: JobRow, now: Date) => Decision<Outcome>,
  { tenant, alongside }: TransitionOptions<Outcome> = {},
): Promise<Transacted<Outcome> | null> {
  let locking = trx.selectFrom('jobs').selectAll().where('id', '=', id).forUpdate();
  if (tenant !== undefined) locking = locking.where('tenant', '=', tenant);
  const before = await locking.executeTakeFirst();
  if (before === undefined) return null;
  const now = await clock(trx);
  const { outcome, change, events = [] } = decide(before, now);
  if (change === undefined) return { outcome, job: before, changed: false };
  await alongside?.(trx, before, outcome);
  await appendEvents(trx, before, events, now);
  const job = await trx
    .updateTable('jobs')
    .set({ ...columns(change), next_event_id: before.next_event_id + events.length })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  return { outcome, job, changed: events.length > 0 };
}

/** A transition in a transaction of its own; who watches the job is woken after it. */
export async function transact<Outcome>(
  context: JobsContext,
  id: string,
  decide: (job: JobRow, now: Date) => Decision<Outcome>,
  options: TransitionOptions<Outcome> = {},
): Promise<Transacted<Outcome> | null> {
  const done = await context.database.transaction((trx) => transition(trx, id, decide, options));
  if (done?.changed) context.signals.publish(id);
  return done;
}

/** The database's time: leases are compared across machines whose clocks differ. */
export async function clock(trx: Trx): Promise<Date> {
  const { now } = await trx.selectNoFrom(({ fn }) => fn<Date>('clock_timestamp').as('now')).executeTakeFirstOrThrow();
  return now;
}

/** Appends events under the job's row lock, so that their ids have no gaps and no reader sees a later one first. */
async function appendEvents(trx: Trx, job: JobRow, events: readonly NewEvent[], at: Date): Promise<void> {
  if (events.length === 0) return;
  await trx
    .insertInto('job_events')
    .values(
      events.map(({ type, data }, index) => ({
        job_id: job.id,
        id: job.next_event_id + index,
        type,
        at,
        data: json(data),
      })),
    )
    .execute();
}

/** A change as columns: jsonb is written as text. */
function columns({ steps, stages, progress, error, report, report_summary, ...plain }: JobChange) {
  return {
    ...plain,
    ...(steps !== undefined && { steps: json(steps) }),
    ...(stages !== undefined && { stages: json(stages) }),
    ...(progress !== undefined && { progress: jsonOrNull(progress) }),
    ...(error !== undefined && { error: jsonOrNull(error) }),
    ...(report !== undefined && { report: jsonOrNull(report) }),
    ...(report_summary !== undefined && { report_summary: jsonOrNull(report_summary) }),
  };
}
