import { setTimeout as wait } from 'node:timers/promises';
import type { JobError } from '../../src/contracts/problem.js';
import { confirmCancel, failAttempt, giveBack } from '../../src/jobs/attempts.js';
import type { Attempt } from '../../src/jobs/decisions/decision.js';
import { ServiceError } from '../../src/platform/errors.js';
import type { JobRow } from '../../src/storage/schema.js';
import { jobError } from '../failure.js';
import type { StopReason } from './engine-process.js';
import { publish, type Stored } from './publication.js';
import type { Supervision } from './supervision.js';

/** How an attempt ended, with its result, if there is one, checked and stored. */
export type AttemptOutcome =
  | { readonly kind: 'stored'; readonly stored: Stored }
  | { readonly kind: 'failed' | 'crashed'; readonly error: JobError }
  | { readonly kind: 'stopped'; readonly reason: StopReason };

/** What is left to do with the delivery: nothing, the next attempt, or to give it to somebody else. */
export type AttemptEnd = 'over' | 'retry' | 'given_back';

/** Between two tries while the records are away. */
const RETRY_MS = 1000;

/** How often the records may refuse an end: a deadlock passes, a text that no column holds does not. */
const MAX_REFUSALS = 3;

/** Records that are away come back. */
const isAway = (error: unknown): boolean => error instanceof ServiceError && error.entry.retryable;

const UNRECORDABLE = jobError('internal_error', 'The result of the step could not be recorded.');

/**
 * Tells the records how an attempt ended. While they are away it goes on trying: the work is done, and the fence decides. An end
 * that they refuse becomes a failure of ours, so that no job holds a worker for ever.
 * @throws what the records say when they refuse that too: the delivery is dropped then, and the lease runs out.
 */
export async function recordEnd(
  supervision: Supervision,
  job: JobRow,
  attempt: Attempt,
  outcome: AttemptOutcome,
  engineSeconds: number,
  shutdown: AbortSignal,
): Promise<AttemptEnd> {
  let end = outcome;
  for (let refusals = 0; ; ) {
    try {
      return await record(supervision, job, attempt, end, engineSeconds);
    } catch (error) {
      supervision.logger.warn({ err: error, job: job.id }, 'the end of an attempt could not be recorded');
      if (!isAway(error)) refusals++;
      if (refusals === MAX_REFUSALS) end = { kind: 'failed', error: UNRECORDABLE };
      if (refusals === 2 * MAX_REFUSALS) throw error;
      if (shutdown.aborted) return 'given_back';
      await wait(RETRY_MS, undefined, { signal: shutdown }).catch(() => {});
    }
  }
}

async function record(
  supervision: Supervision,
  job: JobRow,
  attempt: Attempt,
  outcome: AttemptOutcome,
  engineSeconds: number,
): Promise<AttemptEnd> {
  const { jobs } = supervision;
  switch (outcome.kind) {
    case 'stored':
      await publish(supervision, job, attempt, outcome.stored, engineSeconds);
      return 'over';
    case 'failed':
    case 'crashed': {
      const kind = outcome.kind === 'crashed' ? 'crash' : 'deterministic';
      const recorded = await failAttempt(jobs, attempt, { kind, error: outcome.error, engineSeconds });
      return recorded === 'retry' ? 'retry' : 'over';
    }
    case 'stopped':
      if (outcome.reason === 'shutdown') {
        const recorded = await giveBack(jobs, attempt, engineSeconds);
        return recorded === 'given_back' ? 'given_back' : 'over';
      }
      // A fenced attempt has nothing to say; the record would refuse it anyway.
      if (outcome.reason === 'cancelled') await confirmCancel(jobs, attempt, engineSeconds);
      return 'over';
    default:
      return outcome satisfies never;
  }
}
