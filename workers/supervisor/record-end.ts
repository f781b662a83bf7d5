import { setTimeout as wait } from 'node:timers/promises';
import type { JobError } from '../../src/contracts/problem.js';
import { confirmCancel, failAttempt, giveBack } from '../../src/jobs/attempts.js';
import type { Attempt } from '../../src/jobs/decisions/decision.js';
import type { JobRow } from '../../src/storage/schema.js';
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

/** Tells the records how an attempt ended. While they are away it goes on trying: the work is done, and the fence decides. */
export async function recordEnd(
  supervision: Supervision,
  job: JobRow,
  attempt: Attempt,
  outcome: AttemptOutcome,
  engineSeconds: number,
  shutdown: AbortSignal,
): Promise<AttemptEnd> {
  for (;;) {
    try {
      return await record(supervision, job, attempt, outcome, engineSeconds);
    } catch (error) {
      supervision.logger.warn({ err: error, job: job.id }, 'the end of an attempt could not be recorded');
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
