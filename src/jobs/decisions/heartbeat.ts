import type { Progress } from '../../contracts/job.js';
import { type Decision, holds, type JobState } from './decision.js';

export interface Heartbeat {
  readonly attempt: number;
  readonly leaseMs: number;
  /** Engine time of the whole job so far: what the claim found, plus what this attempt ran. */
  readonly engineSeconds: number;
}
export interface HeartbeatOutcome {
  /** False when a newer attempt exists or the job has ended: the engine must be killed, nothing may be published. */
  readonly owner: boolean;
  readonly cancelRequested: boolean;
}

/** A worker is alive: the lease is renewed, even one that had run out, as long as nobody took the step over. */
export function decideHeartbeat(job: JobState, beat: Heartbeat, now: Date): Decision<HeartbeatOutcome> {
  if (!holds(job, beat.attempt)) return { outcome: { owner: false, cancelRequested: false } };
  return {
    outcome: { owner: true, cancelRequested: job.status === 'cancelling' },
    change: {
      lease_expires_at: new Date(now.getTime() + beat.leaseMs),
      engine_seconds: Math.max(job.engine_seconds, beat.engineSeconds),
    },
  };
}

/** What the engine is doing; the caller sends at most two a second. The outcome says whether it was taken. */
export function decideProgress(job: JobState, attempt: number, progress: Progress): Decision<boolean> {
  if (!holds(job, attempt) || job.status !== 'running') return { outcome: false };
  return {
    outcome: true,
    change: { progress },
    events: [{ type: 'job.progress', data: { step: job.step, ...progress } }],
  };
}
