import { isDone, statusAfterCancelRequest } from '../state-machine.js';
import { cancelled, type Decision, type JobState, leaseIsLive } from './decision.js';

/**
 * A client asks to cancel. `cancelled`: nobody was working on it, it has ended. `cancelling`: the worker will stop. `already`:
 * it had been cancelled before. Throws `already_finished` for a job that succeeded or failed.
 */
export function decideRequestCancel(job: JobState, now: Date): Decision<'cancelled' | 'cancelling' | 'already'> {
  const status = statusAfterCancelRequest(job.status);
  if (isDone(job.status)) return { outcome: 'already' };
  if (!leaseIsLive(job, now)) return { outcome: 'cancelled', ...cancelled(job, now) };
  if (status === job.status) return { outcome: 'cancelling' };
  return {
    outcome: 'cancelling',
    change: { status, cancel_requested_at: now },
    events: [{ type: 'job.cancelling', data: {} }],
  };
}

/** The reconciler looks at a job that is being cancelled: without a live worker nobody else would end it. */
export function decideEndAbandonedCancel(job: JobState, now: Date): Decision<boolean> {
  if (job.status !== 'cancelling' || leaseIsLive(job, now)) return { outcome: false };
  return { outcome: true, ...cancelled(job, now) };
}
