import { type JobStatus, TERMINAL_STATUSES } from '../contracts/job.js';
import { ServiceError } from '../platform/errors.js';

/** What can happen to a job. Attempts, retries and the steps between the first and the last stay inside `running`. */
export const JOB_ACTIONS = [
  /** A worker takes the current step and opens an attempt. */
  'claim',
  /** A step before the last is done; the next one is owed. */
  'advance',
  /** An attempt ended without an outcome (crash, lost worker, shutdown); another one follows. */
  'interrupt',
  'succeed',
  'fail',
  'request_cancel',
  /** Nobody works on the job any more. */
  'confirm_cancel',
] as const;
export type JobAction = (typeof JOB_ACTIONS)[number];

/** The whole life of a job. What is not in the table cannot happen: a terminal status has no way out. */
export const JOB_TRANSITIONS: Readonly<Record<JobStatus, Readonly<Partial<Record<JobAction, JobStatus>>>>> = {
  queued: { claim: 'running', request_cancel: 'cancelled' },
  running: {
    claim: 'running',
    advance: 'running',
    interrupt: 'running',
    succeed: 'succeeded',
    fail: 'failed',
    request_cancel: 'cancelling',
  },
  cancelling: { request_cancel: 'cancelling', confirm_cancel: 'cancelled' },
  succeeded: {},
  failed: {},
  // Asking again for what is already so is not an error.
  cancelled: { request_cancel: 'cancelled' },
};

/** The status after `action`, or null when the action cannot happen in this status. */
export function nextStatus(status: JobStatus, action: JobAction): JobStatus | null {
  return JOB_TRANSITIONS[status][action] ?? null;
}

/** Whether the job has ended for good. */
export function isDone(status: JobStatus): boolean {
  return (TERMINAL_STATUSES as readonly JobStatus[]).includes(status);
}

/** The statuses in which `action` may happen: the `status IN (…)` of a compare-and-set. */
export function statusesThatAllow(action: JobAction): JobStatus[] {
  return (Object.keys(JOB_TRANSITIONS) as JobStatus[]).filter((status) => nextStatus(status, action) !== null);
}

/** The status after a client asked to cancel. Throws `already_finished` when there is nothing left to cancel. */
export function statusAfterCancelRequest(status: JobStatus): JobStatus {
  const next = nextStatus(status, 'request_cancel');
  if (next === null)
    throw new ServiceError('already_finished', `The job has already ${status}; it cannot be cancelled.`);
  return next;
}
