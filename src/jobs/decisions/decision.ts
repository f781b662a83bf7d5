import type { JobEvent, JobStatus, StepState } from '../../contracts/job.js';
import { type JobError, JobError as JobErrorSchema } from '../../contracts/problem.js';
import { ERROR_CATALOGUE, type ErrorCode } from '../../platform/errors.js';
import type { JobRow } from '../../storage/schema.js';
import { type JobAction, nextStatus } from '../state-machine.js';

/** What a transition reads and may change of a job's record. */
export type JobState = Pick<
  JobRow,
  | 'status'
  | 'spec'
  | 'steps'
  | 'step'
  | 'attempt'
  | 'crashes'
  | 'losses'
  | 'cancel_requested_at'
  | 'lease_owner'
  | 'lease_expires_at'
  | 'progress'
  | 'error'
  | 'verdict'
  | 'report'
  | 'report_summary'
  | 'stages'
  | 'engine_seconds'
  | 'started_at'
  | 'finished_at'
>;

export type JobChange = Partial<Omit<JobState, 'spec'>>;

export interface NewEvent {
  readonly type: JobEvent['type'];
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * The pure half of a transition: what becomes of a locked record, and what the caller learns. No change means that the
 * caller came too late or asked for what is already so.
 */
export interface Decision<Outcome> {
  readonly outcome: Outcome;
  readonly change?: JobChange;
  readonly events?: readonly NewEvent[];
}

/** An attempt as its worker knows it. Only the newest attempt of a job may change its record. */
export interface Attempt {
  readonly job: string;
  readonly attempt: number;
}

/** Whether the caller's attempt is still the one that holds the job. */
export function holds(job: JobState, attempt: number): boolean {
  return job.attempt === attempt && job.lease_owner !== null;
}

/** Whether some worker has been heard of lately. */
export function leaseIsLive(job: JobState, now: Date): boolean {
  return job.lease_owner !== null && job.lease_expires_at !== null && job.lease_expires_at > now;
}

export const NO_LEASE = { lease_owner: null, lease_expires_at: null } as const;

/** The steps with the current one changed. */
export function changeStep(job: JobState, change: Partial<StepState>): readonly StepState[] {
  return job.steps.map((step, index) => (index === job.step ? { ...step, ...change } : step));
}

/** The current step; a record without it is damaged. */
export function currentStep(job: JobState): StepState {
  const step = job.steps[job.step];
  if (step === undefined) throw new Error(`A job has no step ${job.step}.`);
  return step;
}

/** The status after an action that the caller has made sure can happen. */
export function after(job: JobState, action: JobAction): JobStatus {
  const next = nextStatus(job.status, action);
  if (next === null) throw new Error(`${action} cannot happen to a job that is ${job.status}.`);
  return next;
}

/** A catalogue code as the error of a job. */
export function jobError(code: ErrorCode, detail: string, hint?: string): JobError {
  const { title, retryable } = ERROR_CATALOGUE[code];
  return JobErrorSchema.parse({ code, title, retryable, detail, hint });
}

interface Ending {
  readonly change: JobChange;
  readonly events: readonly NewEvent[];
}

/** Ends a job that nobody works on as cancelled: steps that did not finish never will. */
export function cancelled(job: JobState, now: Date): Ending {
  const at = now.toISOString();
  return {
    change: {
      ...NO_LEASE,
      status: 'cancelled',
      progress: null,
      finished_at: now,
      cancel_requested_at: job.cancel_requested_at ?? now,
      steps: job.steps.map((step) =>
        step.status === 'succeeded' ? step : { ...step, status: 'cancelled', finished_at: step.started_at && at },
      ),
    },
    events: [
      // A running job passes through `cancelling` even when nobody has to be waited for.
      ...(job.status === 'running' ? ([{ type: 'job.cancelling', data: {} }] as const) : []),
      { type: 'job.cancelled', data: {} },
    ],
  };
}

/** Ends a job as failed by `error`; steps that were not reached are cancelled. */
export function failed(job: JobState, now: Date, error: JobError): Ending {
  return {
    change: {
      ...NO_LEASE,
      status: after(job, 'fail'),
      error,
      progress: null,
      finished_at: now,
      steps: changeStep(job, { status: 'failed', finished_at: now.toISOString() }).map((step, index) =>
        index > job.step ? { ...step, status: 'cancelled' } : step,
      ),
    },
    events: [{ type: 'job.failed', data: { error } }],
  };
}
