import type { JobStatus, StepState } from '../contracts/job.js';
import type { Queries } from '../storage/database.js';
import { found } from '../storage/records/not-found.js';
import { type Page, type PageRequest, pageOf } from '../storage/records/page.js';
import type { JobRow } from '../storage/schema.js';
import type { Tenant } from '../storage/tenant.js';
import { queueOf, stepsOf } from './enqueue-step.js';

/** A job of this tenant. Throws `not_found`. */
export async function getJob(queries: Queries, tenant: Tenant, id: string): Promise<JobRow> {
  const query = queries.selectFrom('jobs').selectAll().where('id', '=', id).where('tenant', '=', tenant);
  return found(await query.executeTakeFirst(), 'job', id);
}

export interface JobFilter extends PageRequest {
  readonly status?: JobStatus | undefined;
  /** Jobs that have a step of this type. */
  readonly stepType?: StepState['type'] | undefined;
  readonly model?: string | undefined;
  readonly createdAfter?: Date | undefined;
}

/** A job without its report, which may have megabytes: a page of a hundred must not bring them all. */
export type ListedJob = Omit<JobRow, 'report'>;

const LISTED = [
  'id',
  'tenant',
  'status',
  'spec',
  'spec_hash',
  'model_id',
  'dataset_id',
  'steps',
  'step',
  'attempt',
  'crashes',
  'losses',
  'cancel_requested_at',
  'lease_owner',
  'lease_expires_at',
  'progress',
  'error',
  'verdict',
  'report_summary',
  'stages',
  'engine_seconds',
  'request_id',
  'retried_from',
  'created_at',
  'started_at',
  'finished_at',
  'next_event_id',
] as const satisfies readonly (keyof ListedJob)[];

/** A page of a tenant's jobs, newest first. */
export async function listJobs(queries: Queries, tenant: Tenant, filter: JobFilter): Promise<Page<ListedJob>> {
  const { status, stepType, model, createdAfter, after, limit } = filter;
  let query = queries.selectFrom('jobs').select(LISTED).where('tenant', '=', tenant);
  if (status !== undefined) query = query.where('status', '=', status);
  if (model !== undefined) query = query.where('model_id', '=', model);
  if (createdAfter !== undefined) query = query.where('created_at', '>', createdAfter);
  if (after !== undefined) query = query.where('id', '<', after);
  if (stepType !== undefined) {
    const has = JSON.stringify([{ type: stepType }]);
    query = query.where(({ fn, cast, val }) => fn<boolean>('jsonb_contains', ['steps', cast(val(has), 'jsonb')]));
  }
  const rows = await query
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return pageOf(rows, filter);
}

/** How many jobs wait before this one in its queue; null unless it is queued. */
export async function queuePosition(queries: Queries, job: ListedJob): Promise<number | null> {
  if (job.status !== 'queued') return null;
  const { ahead } = await queries
    .selectFrom('jobs')
    .select(({ fn }) => fn.countAll<string>().as('ahead'))
    .where('status', 'in', ['queued', 'running'])
    .where('lease_owner', 'is', null)
    .where('id', '<', job.id)
    .where(
      ({ fn, cast, val }) => fn<string>('jsonb_extract_path_text', ['steps', cast('step', 'text'), val('type')]),
      'in',
      stepsOf(queueOf(job)),
    )
    .executeTakeFirstOrThrow();
  return Number(ahead);
}
