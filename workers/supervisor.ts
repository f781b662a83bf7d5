import { claimStep } from '../src/jobs/attempts.js';
import type { Delivery, DeliveryOutcome } from '../src/jobs/queue.js';
import { runAttempt } from './supervisor/attempt.js';
import type { Supervision } from './supervisor/supervision.js';

/**
 * Works on one delivery of a step: claims it, and runs attempts until the records say that it is over. A delivery of a step
 * that somebody else works on, or that is not owed any more, is over at once. `shutdown` leaves the step to another worker.
 */
export async function superviseStep(
  supervision: Supervision,
  delivery: Delivery,
  shutdown: AbortSignal,
): Promise<DeliveryOutcome> {
  while (!shutdown.aborted) {
    const claim = await claimStep(supervision.jobs, delivery, supervision.owner);
    if (claim.outcome !== 'claimed') return 'done';
    const end = await runAttempt(supervision, claim.job, claim.attempt, shutdown);
    if (end !== 'retry') return end === 'over' ? 'done' : 'give_back';
  }
  return 'give_back';
}
