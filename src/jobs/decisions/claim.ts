import { MAX_LOSSES } from '../limits.js';
import { isDone, nextStatus } from '../state-machine.js';
import {
  cancelled,
  changeStep,
  currentStep,
  type Decision,
  failed,
  type JobState,
  jobError,
  leaseIsLive,
  type NewEvent,
} from './decision.js';

export interface Claim {
  readonly step: number;
  /** Which worker process asks; for people who read the record. */
  readonly owner: string;
  readonly leaseMs: number;
}

/**
 * `claimed`: the caller holds the new attempt. `busy`: another worker is alive on it, the delivery is a duplicate. `over`: the
 * step is not owed any more. In the last two cases the delivery is done.
 */
export type ClaimOutcome = 'claimed' | 'busy' | 'over';

/**
 * A worker takes a step. A lease that nobody gave back means that its worker was lost, which is counted here; so is the
 * engine time that is left. The new attempt number fences whoever held the step before.
 */
export function decideClaim(job: JobState, claim: Claim, now: Date): Decision<ClaimOutcome> {
  if (isDone(job.status) || job.step !== claim.step) return { outcome: 'over' };
  if (leaseIsLive(job, now)) return { outcome: 'busy' };
  if (job.status === 'cancelling') return { outcome: 'over', ...cancelled(job, now) };
  const status = nextStatus(job.status, 'claim');
  if (status === null) return { outcome: 'over' };

  const losses = job.losses + (job.lease_owner === null ? 0 : 1);
  const lost: NewEvent[] =
    losses === job.losses ? [] : [{ type: 'job.retrying', data: { step: job.step, reason: 'worker_lost', losses } }];
  if (losses > MAX_LOSSES) {
    const error = jobError('worker_lost', `${losses} workers were lost while they ran this job.`);
    const end = failed(job, now, error);
    return { outcome: 'over', change: { ...end.change, losses }, events: end.events };
  }
  if (job.engine_seconds >= job.spec.timeout_seconds) {
    const error = jobError('timeout', `The job used up its ${job.spec.timeout_seconds} s of engine time.`);
    return { outcome: 'over', ...failed(job, now, error) };
  }

  const step = currentStep(job);
  const started = {
    step: job.step,
    type: step.type,
    attempt: step.attempt + 1,
  };
  return {
    outcome: 'claimed',
    change: {
      status,
      losses,
      attempt: job.attempt + 1,
      lease_owner: claim.owner,
      lease_expires_at: new Date(now.getTime() + claim.leaseMs),
      started_at: job.started_at ?? now,
      steps: changeStep(job, {
        status: 'running',
        attempt: started.attempt,
        started_at: step.started_at ?? now.toISOString(),
      }),
    },
    events: [...lost, { type: 'job.started', data: started }],
  };
}
