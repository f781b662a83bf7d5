import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { JobSpec } from '../../src/contracts/job-spec.js';
import { acceptJob, acceptRetry } from '../../src/jobs/accept-job.js';
import { announceJob } from '../../src/jobs/announce-job.js';
import {
  claimStep,
  confirmCancel,
  failAttempt,
  finishJob,
  finishStep,
  giveBack,
  recordProgress,
  renewLease,
} from '../../src/jobs/attempts.js';
import { acceptCancel } from '../../src/jobs/cancel-job.js';
import type { JobsContext } from '../../src/jobs/context.js';
import { type Attempt, jobError } from '../../src/jobs/decisions/decision.js';
import { deleteJob } from '../../src/jobs/delete-job.js';
import { listEvents } from '../../src/jobs/events.js';
import { MAX_CRASHES, MAX_LOSSES, MAX_UNFINISHED_JOBS } from '../../src/jobs/limits.js';
import { getJob, listJobs, queuePosition } from '../../src/jobs/read-jobs.js';
import { reconcile } from '../../src/jobs/reconciler.js';
import { type ErrorCode, ServiceError } from '../../src/platform/errors.js';
import { artifactsOfJob } from '../../src/storage/records/artifacts.js';
import { ALICE, absentDataset, aJob, aModel, aSpec, BOB, STAGE } from './fixtures.js';
import { STACKS, type TestStack } from './stacks.js';

const code = (wanted: ErrorCode) => (error: unknown) => error instanceof ServiceError && error.code === wanted;
const ended = { engineSeconds: 1, stage: STAGE, report: null, summary: null, error: null } as const;
const artifact = { name: 'model.onnx', role: 'model', bytes: 10, sha256: 'c'.repeat(64) } as const;
/** No lease at all: the next claim finds the worker lost. */
const LOST_AT_ONCE = 0;

for (const { name, skip, open } of STACKS) {
  describe(`transitions of jobs on ${name}`, { skip }, () => {
    let stack: TestStack;
    let context: JobsContext;
    let spec: JobSpec;
    before(async () => {
      stack = await open();
      context = stack.context;
      spec = aSpec(await aModel(context));
    });
    after(() => stack.stop());
    beforeEach(async () => {
      await context.database.queries.deleteFrom('jobs').execute();
    });

    const claim = async (job: string, step = 0, leaseMs?: number): Promise<Attempt> => {
      const claimed = await claimStep(context, { job, step }, 'worker', leaseMs);
      assert.equal(claimed.outcome, 'claimed');
      return 'attempt' in claimed ? claimed.attempt : assert.fail();
    };
    const eventTypes = async (job: string) => {
      const { events } = await listEvents(context.database.queries, ALICE, job, 0, 100);
      assert.deepEqual(
        events.map(({ id }) => id),
        events.map((_, index) => index + 1),
        'event ids have no gaps',
      );
      return events.map(({ type }) => type);
    };
    const cancel = async (job: string) => {
      const done = await context.database.transaction((trx) => acceptCancel(trx, ALICE, job));
      await announceJob(context, done.job);
      return done.outcome;
    };
    const statusOf = async (job: string) => (await getJob(context.database.queries, ALICE, job)).status;

    it('leads a job of two steps from the request to its result', async () => {
      const [step] = spec.steps;
      const job = await aJob(context, { ...spec, steps: step ? [step, step] : [] });
      assert.equal(job.status, 'queued');
      assert.deepEqual(
        job.steps.map(({ status }) => status),
        ['queued', 'pending'],
      );
      const first = await claim(job.id);
      assert.deepEqual(await renewLease(context, first, 0.5), { owner: true, cancelRequested: false });
      const progress = { phase: 'calibration', fraction: 0.5, eta_seconds: null, metrics: {} };
      assert.equal(await recordProgress(context, first, progress), true);
      assert.equal(await finishStep(context, first, { engineSeconds: 1, stage: STAGE }), 'published');
      assert.ok((await context.queue.known()).some((known) => known.job === job.id && known.step === 1));
      const second = await claim(job.id, 1);
      assert.equal(
        await finishJob(context, second, { ...ended, engineSeconds: 3, artifacts: [artifact] }),
        'published',
      );
      const end = await getJob(context.database.queries, ALICE, job.id);
      assert.equal(end.status, 'succeeded');
      assert.equal(end.engine_seconds, 3);
      assert.equal(end.stages.length, 2);
      assert.deepEqual(
        end.steps.map(({ status, attempt }) => [status, attempt]),
        [
          ['succeeded', 1],
          ['succeeded', 1],
        ],
      );
      assert.equal((await artifactsOfJob(context.database.queries, ALICE, job.id)).length, 1);
      assert.deepEqual(await eventTypes(job.id), [
        'job.queued',
        'job.started',
        'job.progress',
        'job.step_finished',
        'job.started',
        'job.succeeded',
      ]);
    });

    it('evaluates the model as it is when there are no steps', async () => {
      const job = await aJob(context, aSpec(spec.model, { steps: [] }));
      assert.deepEqual(
        job.steps.map(({ type }) => type),
        ['evaluate'],
      );
      assert.equal(await finishJob(context, await claim(job.id), ended), 'published');
    });

    it('lets a late attempt publish nothing', async () => {
      const job = await aJob(context, spec);
      const late = await claim(job.id, 0, LOST_AT_ONCE);
      const newer = await claim(job.id);
      assert.deepEqual(await renewLease(context, late, 9), { owner: false, cancelRequested: false });
      assert.equal(await finishJob(context, late, { ...ended, artifacts: [artifact] }), 'fenced');
      assert.equal(await giveBack(context, late, 9), 'fenced');
      assert.equal(
        await failAttempt(context, late, { engineSeconds: 9, kind: 'crash', error: jobError('runtime_crash', '') }),
        'fenced',
      );
      assert.deepEqual(await artifactsOfJob(context.database.queries, ALICE, job.id), []);
      assert.equal(await finishJob(context, newer, { ...ended, artifacts: [artifact] }), 'published');
      assert.equal(await finishJob(context, newer, { ...ended, artifacts: [artifact] }), 'fenced');
      assert.equal((await artifactsOfJob(context.database.queries, ALICE, job.id)).length, 1);
    });

    it('keeps a duplicate delivery away from a live worker, and an old one from what is over', async () => {
      const job = await aJob(context, spec);
      const attempt = await claim(job.id);
      assert.equal((await claimStep(context, { job: job.id, step: 0 }, 'other')).outcome, 'busy');
      await finishJob(context, attempt, ended);
      assert.equal((await claimStep(context, { job: job.id, step: 0 }, 'other')).outcome, 'over');
      assert.equal((await claimStep(context, { job: 'job_unknown', step: 0 }, 'other')).outcome, 'over');
    });

    it('counts crashes apart from lost workers and from shutdowns', async () => {
      const job = await aJob(context, spec);
      const crash = { engineSeconds: 1, kind: 'crash', error: jobError('runtime_crash', 'It crashed.') } as const;
      await claim(job.id, 0, LOST_AT_ONCE);
      assert.equal(await giveBack(context, await claim(job.id), 1), 'given_back');
      for (let retry = 1; retry <= MAX_CRASHES; retry++) {
        assert.equal(await failAttempt(context, await claim(job.id), crash), 'retry');
      }
      assert.equal(await failAttempt(context, await claim(job.id), crash), 'failed');
      const end = await getJob(context.database.queries, ALICE, job.id);
      assert.deepEqual([end.status, end.error?.code, end.crashes, end.losses], ['failed', 'runtime_crash', 3, 1]);
      assert.deepEqual((await eventTypes(job.id)).filter((type) => type === 'job.retrying').length, 4);
    });

    it('fails at once for a reason that would come again', async () => {
      const job = await aJob(context, spec);
      const error = jobError('unsupported_operator', 'No.');
      assert.equal(
        await failAttempt(context, await claim(job.id), { engineSeconds: 1, kind: 'deterministic', error }),
        'failed',
      );
      assert.equal((await getJob(context.database.queries, ALICE, job.id)).error?.code, 'unsupported_operator');
    });

    it('gives up when too many workers are lost', async () => {
      const job = await aJob(context, spec);
      for (let loss = 0; loss <= MAX_LOSSES; loss++) await claim(job.id, 0, LOST_AT_ONCE);
      assert.equal((await claimStep(context, { job: job.id, step: 0 }, 'worker')).outcome, 'over');
      const end = await getJob(context.database.queries, ALICE, job.id);
      assert.deepEqual([end.status, end.error?.code, end.losses], ['failed', 'worker_lost', MAX_LOSSES + 1]);
    });

    it('counts engine time over all attempts, lost ones too', async () => {
      const job = await aJob(context, aSpec(spec.model, { timeout_seconds: 10 }));
      await renewLease(context, await claim(job.id, 0, LOST_AT_ONCE), 6, LOST_AT_ONCE);
      const second = await claimStep(context, { job: job.id, step: 0 }, 'worker', LOST_AT_ONCE);
      assert.equal('job' in second && second.job.engine_seconds, 6);
      if ('attempt' in second) await renewLease(context, second.attempt, 10, LOST_AT_ONCE);
      assert.equal((await claimStep(context, { job: job.id, step: 0 }, 'worker')).outcome, 'over');
      assert.equal((await getJob(context.database.queries, ALICE, job.id)).error?.code, 'timeout');
    });

    describe('cancel', () => {
      it('ends a queued job at once and takes it out of the queue', async () => {
        const job = await aJob(context, spec);
        assert.equal(await cancel(job.id), 'cancelled');
        assert.equal(await cancel(job.id), 'already');
        assert.ok(!(await context.queue.known()).some((known) => known.job === job.id));
        assert.deepEqual(await eventTypes(job.id), ['job.queued', 'job.cancelled']);
      });
      it('reaches the worker of a running job, whose result comes too late', async () => {
        const job = await aJob(context, spec);
        const attempt = await claim(job.id);
        assert.equal(await cancel(job.id), 'cancelling');
        assert.equal(await cancel(job.id), 'cancelling');
        assert.deepEqual(await renewLease(context, attempt, 1), { owner: true, cancelRequested: true });
        assert.equal(await finishJob(context, attempt, { ...ended, artifacts: [artifact] }), 'cancelled');
        assert.deepEqual(await artifactsOfJob(context.database.queries, ALICE, job.id), []);
        assert.deepEqual(await eventTypes(job.id), ['job.queued', 'job.started', 'job.cancelling', 'job.cancelled']);
      });
      it('is confirmed by the worker', async () => {
        const job = await aJob(context, spec);
        const attempt = await claim(job.id);
        assert.equal(await confirmCancel(context, attempt, 1), 'not_cancelling');
        await cancel(job.id);
        assert.equal(await confirmCancel(context, attempt, 1), 'cancelled');
        assert.equal(await statusOf(job.id), 'cancelled');
      });
      it('ends a job whose worker was lost, by the reconciler if it must', async () => {
        const job = await aJob(context, spec);
        const attempt = await claim(job.id);
        await cancel(job.id);
        await renewLease(context, attempt, 1, LOST_AT_ONCE);
        assert.equal((await reconcile(context)).ended, 1);
        assert.equal(await statusOf(job.id), 'cancelled');
      });
      it('is refused for a job that has ended', async () => {
        const job = await aJob(context, spec);
        await finishJob(context, await claim(job.id), ended);
        await assert.rejects(cancel(job.id), code('already_finished'));
      });
    });

    describe('requests', () => {
      it('are limited to the quota of a tenant, also when they come together', async () => {
        const wanted = { tenant: ALICE, spec, requestId: 'req_test' };
        for (let index = 2; index < MAX_UNFINISHED_JOBS; index++) {
          await context.database.transaction((trx) => acceptJob(trx, wanted));
        }
        const together = await Promise.allSettled(
          Array.from({ length: 4 }, () => context.database.transaction((trx) => acceptJob(trx, wanted))),
        );
        const refused = together.filter((result) => result.status === 'rejected');
        assert.equal(refused.length, 2);
        assert.ok(refused.every(({ reason }) => code('queue_quota_exceeded')(reason)));
        await aJob(context, aSpec(await aModel(context, BOB)), BOB);
      });
      it('need inputs of their own tenant', async () => {
        await assert.rejects(aJob(context, spec, BOB), code('not_found'));
        await assert.rejects(aJob(context, aSpec(spec.model, { dataset: absentDataset })), code('not_found'));
      });
      it('store nothing when what stands beside them fails', async () => {
        const failing = context.database.transaction(async (trx) => {
          await acceptJob(trx, { tenant: ALICE, spec, requestId: 'req_test' });
          throw new Error('no');
        });
        await assert.rejects(failing, /no/);
        assert.deepEqual((await listJobs(context.database.queries, ALICE, { limit: 10 })).rows, []);
      });
      it('to retry make a new job of the same spec', async () => {
        const job = await aJob(context, spec);
        const retry = () => context.database.transaction((trx) => acceptRetry(trx, ALICE, job.id, 'req_retry'));
        await assert.rejects(retry(), code('job_not_finished'));
        await cancel(job.id);
        const again = await retry();
        assert.deepEqual([again.retried_from, again.status, again.spec_hash], [job.id, 'queued', job.spec_hash]);
      });
      it('to delete take finished jobs only', async () => {
        const job = await aJob(context, spec);
        const remove = (owner = ALICE) => context.database.transaction((trx) => deleteJob(trx, owner, job.id));
        await assert.rejects(remove(), code('job_not_finished'));
        await finishJob(context, await claim(job.id), { ...ended, artifacts: [artifact] });
        await assert.rejects(remove(BOB), code('not_found'));
        await remove();
        await assert.rejects(statusOf(job.id), code('not_found'));
        assert.deepEqual(await artifactsOfJob(context.database.queries, ALICE, job.id), []);
      });
      it('to list are filtered and paged, newest first, within the tenant', async () => {
        const { queries } = context.database;
        const made: string[] = [];
        for (const steps of [[], spec.steps, spec.steps])
          made.unshift((await aJob(context, aSpec(spec.model, { steps }))).id);
        await aJob(context, aSpec(await aModel(context, BOB)), BOB);
        const first = await listJobs(queries, ALICE, { limit: 2 });
        assert.deepEqual(
          first.rows.map(({ id }) => id),
          made.slice(0, 2),
        );
        const rest = await listJobs(queries, ALICE, { limit: 2, after: first.nextCursor ?? '' });
        assert.deepEqual([rest.rows.map(({ id }) => id), rest.nextCursor], [made.slice(2), null]);
        await cancel(made[0] ?? '');
        const idsOf = async (filter: Parameters<typeof listJobs>[2]) =>
          (await listJobs(queries, ALICE, filter)).rows.map(({ id }) => id);
        assert.deepEqual(await idsOf({ limit: 9, status: 'cancelled' }), made.slice(0, 1));
        assert.deepEqual(await idsOf({ limit: 9, stepType: 'quantize' }), made.slice(0, 2));
        assert.deepEqual(await idsOf({ limit: 9, model: 'mdl_other' }), []);
        assert.deepEqual(await idsOf({ limit: 9, createdAfter: new Date(Date.now() + 60_000) }), []);
      });
      it('show how many jobs wait before one', async () => {
        const [first, second] = [await aJob(context, spec), await aJob(context, spec)];
        assert.equal(await queuePosition(context.database.queries, first), 0);
        assert.equal(await queuePosition(context.database.queries, second), 1);
        await claim(first.id);
        assert.equal(await queuePosition(context.database.queries, second), 0);
        assert.equal(
          await queuePosition(context.database.queries, await getJob(context.database.queries, ALICE, first.id)),
          null,
        );
      });
    });
  });
}
