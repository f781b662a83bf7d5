import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { claimStep, confirmCancel, failAttempt, finishJob, giveBack, renewLease } from '../../src/jobs/attempts.js';
import { acceptCancel } from '../../src/jobs/cancel-job.js';
import type { JobsContext } from '../../src/jobs/context.js';
import { type Attempt, jobError } from '../../src/jobs/decisions/decision.js';
import { listEvents } from '../../src/jobs/events.js';
import { getJob } from '../../src/jobs/read-jobs.js';
import { reconcile } from '../../src/jobs/reconciler.js';
import { isDone } from '../../src/jobs/state-machine.js';
import { ServiceError } from '../../src/platform/errors.js';
import { artifactsOfJob } from '../../src/storage/records/artifacts.js';
import { ALICE, aJob, aModel, aSpec } from './fixtures.js';
import { STACKS, type TestStack } from './stacks.js';
import { ENDED, RESULT } from './working.js';

const CRASH = { engineSeconds: 1, kind: 'crash', error: jobError('runtime_crash', '') } as const;

/** What may happen to a job at once; `attempt` is the newest that was seen when the round began. */
const ACTIONS: Record<string, (context: JobsContext, job: string, attempt: Attempt) => Promise<unknown>> = {
  claim: (context, job) => claimStep(context, { job, step: 0 }, 'other', 0),
  finish: (context, _job, attempt) => finishJob(context, attempt, { ...ENDED, artifacts: [RESULT] }),
  heartbeat: (context, _job, attempt) => renewLease(context, attempt, 1, 0),
  crash: (context, _job, attempt) => failAttempt(context, attempt, CRASH),
  give_back: (context, _job, attempt) => giveBack(context, attempt, 1),
  confirm_cancel: (context, _job, attempt) => confirmCancel(context, attempt, 1),
  cancel: (context, job) => context.database.transaction((trx) => acceptCancel(trx, ALICE, job)),
  reconcile: (context) => reconcile(context),
};

// The queue plays no part here, so one stack for each database.
for (const { name, skip, open } of STACKS.filter(({ name }) => name !== 'Redis')) {
  describe(`races over a job's record on ${name}`, { skip }, () => {
    let stack: TestStack;
    before(async () => {
      stack = await open();
    });
    after(() => stack.stop());

    it('have one winner: one terminal event, results only of a success, events without gaps', async () => {
      const { context } = stack;
      const { queries } = context.database;
      const model = await aModel(context);
      const rounds = fc.array(fc.array(fc.constantFrom(...Object.keys(ACTIONS)), { minLength: 2, maxLength: 5 }), {
        minLength: 1,
        maxLength: 4,
      });
      await fc.assert(
        fc.asyncProperty(rounds, async (sequence) => {
          const { id } = await aJob(context, aSpec(model));
          const first = await claimStep(context, { job: id, step: 0 }, 'worker', 0);
          assert.ok(first.outcome === 'claimed');
          for (const together of sequence) {
            const { attempt } = await getJob(queries, ALICE, id);
            const results = await Promise.allSettled(
              together.map((action) => ACTIONS[action]?.(context, id, { job: id, attempt })),
            );
            for (const result of results) {
              if (result.status === 'fulfilled') continue;
              assert.ok(
                result.reason instanceof ServiceError && result.reason.code === 'already_finished',
                result.reason,
              );
            }
          }
          const job = await getJob(queries, ALICE, id);
          const { events } = await listEvents(queries, ALICE, id, 0, 1000);
          assert.deepEqual(
            events.map((event) => event.id),
            events.map((_, index) => index + 1),
          );
          const terminal = events.filter(({ type }) => ['job.succeeded', 'job.failed', 'job.cancelled'].includes(type));
          assert.equal(terminal.length, isDone(job.status) ? 1 : 0);
          if (terminal.length === 1) assert.equal(events.at(-1)?.type, `job.${job.status}`);
          const artifacts = await artifactsOfJob(queries, ALICE, id);
          assert.equal(artifacts.length, job.status === 'succeeded' ? 1 : 0);
          await queries.deleteFrom('jobs').where('id', '=', id).execute();
        }),
        { numRuns: 20 },
      );
    });
  });
}
