import type { StepState } from '../contracts/job.js';
import { type JobSpec, modelsOf } from '../contracts/job-spec.js';
import { canonicalHash } from '../platform/canonical-json.js';
import { ServiceError } from '../platform/errors.js';
import { newId } from '../platform/ids.js';
import type { Trx } from '../storage/database.js';
import { holdDataset } from '../storage/records/datasets.js';
import { holdModel } from '../storage/records/models.js';
import { type JobRow, json } from '../storage/schema.js';
import type { Tenant } from '../storage/tenant.js';
import { MAX_UNFINISHED_JOBS, QUOTA_RETRY_SECONDS } from './limits.js';
import { getJob } from './read-jobs.js';
import { isDone } from './state-machine.js';
import { clock } from './transact.js';

export interface NewJob {
  readonly tenant: Tenant;
  readonly spec: JobSpec;
  readonly requestId: string;
  readonly retriedFrom?: string;
}

/**
 * Accepts a job within the caller's transaction, which may store an idempotency record beside it: the job's record and first event.
 * After the commit, `announceJob`. Throws `queue_quota_exceeded`, and `not_found` when the model or the dataset is gone or another
 * tenant's.
 */
export async function acceptJob(trx: Trx, wanted: NewJob): Promise<JobRow> {
  await enforceQuota(trx, wanted.tenant);
  // The inputs cannot be deleted before the job that protects them is there.
  for (const model of modelsOf(wanted.spec)) await holdModel(trx, wanted.tenant, model);
  if (wanted.spec.dataset !== undefined) await holdDataset(trx, wanted.tenant, wanted.spec.dataset);
  return insertJob(trx, wanted);
}

/** Accepts a finished job's spec again, as a new job. Throws `not_found`, `job_not_finished` and what acceptJob throws. */
export async function acceptRetry(trx: Trx, tenant: Tenant, id: string, requestId: string): Promise<JobRow> {
  const { status, spec } = await getJob(trx, tenant, id);
  if (!isDone(status)) {
    throw new ServiceError('job_not_finished', `The job is ${status}: cancel it, or wait for its end.`);
  }
  return acceptJob(trx, { tenant, spec, requestId, retriedFrom: id });
}

/** Counts under a lock of the tenant, so that simultaneous requests cannot pass the quota together. */
async function enforceQuota(trx: Trx, tenant: Tenant): Promise<void> {
  await trx
    .selectNoFrom(({ fn, val }) => fn('pg_advisory_xact_lock', [fn('hashtext', [val(tenant)])]).as('locked'))
    .execute();
  const { unfinished } = await trx
    .selectFrom('jobs')
    .select(({ fn }) => fn.countAll<number>().as('unfinished'))
    .where('tenant', '=', tenant)
    .where('status', 'in', ['queued', 'running', 'cancelling'])
    .executeTakeFirstOrThrow();
  if (Number(unfinished) < MAX_UNFINISHED_JOBS) return;
  throw new ServiceError(
    'queue_quota_exceeded',
    `${MAX_UNFINISHED_JOBS} jobs are unfinished already. Wait for one to end, or cancel one.`,
    { retryAfter: QUOTA_RETRY_SECONDS },
  );
}

async function insertJob(trx: Trx, { tenant, spec, requestId, retriedFrom }: NewJob): Promise<JobRow> {
  const now = await clock(trx);
  const job = await trx
    .insertInto('jobs')
    .values({
      id: newId('job', now.getTime()),
      tenant,
      status: 'queued',
      spec: json(spec),
      spec_hash: canonicalHash(spec),
      model_id: spec.model,
      dataset_id: spec.dataset ?? null,
      steps: json(firstSteps(spec)),
      request_id: requestId,
      retried_from: retriedFrom ?? null,
      created_at: now,
      next_event_id: 2,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const data = retriedFrom === undefined ? {} : { retried_from: retriedFrom };
  await trx
    .insertInto('job_events')
    .values({ job_id: job.id, id: 1, type: 'job.queued', at: now, data: json(data) })
    .execute();
  return job;
}

/** The steps of a new job; a job without any has one, the evaluation of its model. */
function firstSteps(spec: JobSpec): StepState[] {
  const waiting = { attempt: 0, started_at: null, finished_at: null };
  if (spec.steps.length === 0) return [{ type: 'evaluate', status: 'queued', ...waiting }];
  return spec.steps.map((step, index) => ({
    type: step.type,
    ...(step.type === 'quantize' && { scheme: step.scheme }),
    status: index === 0 ? 'queued' : 'pending',
    ...waiting,
  }));
}
