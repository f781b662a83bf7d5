import { z } from 'zod';
import { JobId, ModelId, Timestamp } from '../../contracts/ids.js';
import { Job, JobStatus } from '../../contracts/job.js';
import { JobRequest } from '../../contracts/job-request.js';
import { listOf, PageQuery } from '../../contracts/list.js';
import { JobPlan } from '../../contracts/plan.js';
import { acceptJob, acceptRetry } from '../../jobs/accept-job.js';
import { announceJob } from '../../jobs/announce-job.js';
import { acceptCancel } from '../../jobs/cancel-job.js';
import { deleteJob } from '../../jobs/delete-job.js';
import { waitUntilDone } from '../../jobs/events.js';
import { getJob, listJobs } from '../../jobs/read-jobs.js';
import { firstSignal } from '../../platform/first-signal.js';
import { HANDLER_TIMEOUT_MS, MAX_WAIT_SECONDS } from '../../security/limits.js';
import type { Trx } from '../../storage/database.js';
import type { JobRow } from '../../storage/schema.js';
import type { App } from '../app-type.js';
import { clientGone } from '../client-gone.js';
import { answerOnce } from '../idempotency.js';
import { checkSpec } from '../plan/check-spec.js';
import { planJob } from '../plan/plan-job.js';
import { principalOf } from '../plugins/authentication.js';
import { waitSeconds } from '../prefer.js';
import { retryAfter } from '../present/job.js';
import { readJob } from '../present/surroundings.js';
import { jobWithModel } from '../uploads/job-model.js';
import type { UploadRouteOptions } from './upload-schema.js';

const params = z.object({ id: JobId });
const tags = ['Jobs'];
const JobQuery = PageQuery.extend({
  status: JobStatus.optional(),
  step: z.enum(['distill', 'quantize']).optional(),
  model: ModelId.optional(),
  // PostgreSQL, as the calendar, knows no year 0.
  created_after: Timestamp.refine((time) => !time.startsWith('0000'), 'expected a year from 0001').optional(),
});
const CreateQuery = z.strictObject({
  dry_run: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'Check everything and say what would be done, without doing it.' }),
});

/** /v1/jobs */
export async function jobRoutes(app: App, options: UploadRouteOptions): Promise<void> {
  const { services } = options;
  const { database } = services;
  const accepted = async (trx: Trx, row: JobRow, status = 202) => {
    const job = await readJob(trx, row);
    return { status, headers: { location: job.urls.self, 'retry-after': String(retryAfter(job)) }, body: job };
  };

  app.post(
    '/v1/jobs',
    {
      config: { scope: 'write' },
      schema: {
        operationId: 'createJob',
        summary: 'Compress a model',
        description:
          'Accepted at once, worked on later. With an Idempotency-Key the same request makes one job, however often it is sent. An untrained network that a job without a model begins with is made at once, by a dry run too.',
        tags,
        querystring: CreateQuery,
        body: JobRequest,
        response: { 200: JobPlan, 202: Job },
      },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      if (request.query.dry_run === 'true') {
        const { queries } = database;
        const whole = await jobWithModel(request, reply, options, request.body);
        return reply.code(200).send(planJob(await checkSpec(queries, tenant, await whole(queries))));
      }
      await services.queue.check();
      const whole = await jobWithModel(request, reply, options, request.body);
      let created: JobRow | null = null;
      const { body } = await answerOnce(database, request, reply, request.body, async (trx) => {
        const { spec } = await checkSpec(trx, tenant, await whole(trx));
        created = await acceptJob(trx, { tenant, spec, requestId: request.id });
        return accepted(trx, created);
      });
      if (created !== null) await announceJob(services, created);
      return reply.send(body as Job);
    },
  );

  app.get(
    '/v1/jobs',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'listJobs',
        summary: 'List jobs, newest first',
        tags,
        querystring: JobQuery,
        response: { 200: listOf(Job) },
      },
    },
    async (request) => {
      const { status, step, model, created_after, ...page } = request.query;
      const { rows, nextCursor } = await listJobs(database.queries, principalOf(request).tenant, {
        ...page,
        ...(status === undefined ? {} : { status }),
        ...(step === undefined ? {} : { stepType: step }),
        ...(model === undefined ? {} : { model }),
        ...(created_after === undefined ? {} : { createdAfter: new Date(created_after) }),
      });
      const data = await Promise.all(rows.map((row) => readJob(database.queries, row)));
      return { object: 'list' as const, data, has_more: nextCursor !== null, next_cursor: nextCursor };
    },
  );

  app.get(
    '/v1/jobs/:id',
    {
      config: { scope: 'read' },
      handlerTimeout: MAX_WAIT_SECONDS * 1000 + HANDLER_TIMEOUT_MS,
      schema: {
        operationId: 'getJob',
        summary: 'How a job stands',
        description: `Prefer: wait=30 (at most ${MAX_WAIT_SECONDS}) holds the answer until the job is done; a wait that ran out is 202.`,
        tags,
        params,
        headers: z.object({ prefer: z.string().optional() }),
        response: { 200: Job, 202: Job },
      },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      const seconds = waitSeconds(request.headers.prefer);
      const row =
        seconds === null
          ? await getJob(database.queries, tenant, request.params.id)
          : await waitUntilDone(
              services,
              tenant,
              request.params.id,
              firstSignal([clientGone(reply), app.draining], seconds * 1000),
            );
      const job = await readJob(database.queries, row);
      if (seconds !== null) reply.header('preference-applied', `wait=${seconds}`);
      if (!job.done) reply.header('retry-after', retryAfter(job));
      return reply.code(seconds !== null && !job.done ? 202 : 200).send(job);
    },
  );

  app.post(
    '/v1/jobs/:id/cancel',
    {
      config: { scope: 'write' },
      schema: { operationId: 'cancelJob', summary: 'Cancel a job', tags, params, response: { 200: Job, 202: Job } },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      let changed: JobRow | null = null;
      const { body } = await answerOnce(database, request, reply, null, async (trx) => {
        const { outcome, job } = await acceptCancel(trx, tenant, request.params.id);
        if (outcome !== 'already') changed = job;
        return accepted(trx, job, outcome === 'already' ? 200 : 202);
      });
      if (changed !== null) await announceJob(services, changed);
      return reply.send(body as Job);
    },
  );

  app.post(
    '/v1/jobs/:id/retry',
    {
      config: { scope: 'write' },
      schema: {
        operationId: 'retryJob',
        summary: "Run a finished job's spec again, as a new job",
        tags,
        params,
        response: { 202: Job },
      },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      await services.queue.check();
      let created: JobRow | null = null;
      const { body } = await answerOnce(database, request, reply, null, async (trx) => {
        created = await acceptRetry(trx, tenant, request.params.id, request.id);
        return accepted(trx, created);
      });
      if (created !== null) await announceJob(services, created);
      return reply.send(body as Job);
    },
  );

  app.delete(
    '/v1/jobs/:id',
    {
      config: { scope: 'write' },
      schema: {
        operationId: 'deleteJob',
        summary: 'Delete a finished job with its artifacts',
        tags,
        params,
        response: { 204: z.undefined().meta({ description: 'The job is gone.' }) },
      },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      await database.transaction((trx) => deleteJob(trx, tenant, request.params.id));
      return reply.code(204).send();
    },
  );
}
