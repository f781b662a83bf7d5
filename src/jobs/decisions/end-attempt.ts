import type { JobError } from '../../contracts/problem.js';
import type { Report, ReportSummary, StageReport } from '../../contracts/report.js';
import { MAX_CRASHES } from '../limits.js';
import {
  after,
  cancelled,
  changeStep,
  type Decision,
  failed,
  holds,
  type JobChange,
  type JobState,
  NO_LEASE,
} from './decision.js';

/** How an attempt ended, apart from what the outcome needs of its own. */
interface End {
  readonly attempt: number;
  /** Engine time of the whole job, this attempt included. */
  readonly engineSeconds: number;
}

/** `fenced`: a newer attempt exists or the job has ended; nothing was written. `cancelled`: a cancel came first. */
export type Lost = 'fenced' | 'cancelled';

/** What stands before every end of an attempt: the fence, and a cancel that came first. */
function lostBefore(job: JobState, end: End, now: Date): Decision<Lost> | null {
  if (!holds(job, end.attempt)) return { outcome: 'fenced' };
  const engine_seconds = Math.max(job.engine_seconds, end.engineSeconds);
  if (job.status !== 'cancelling') return null;
  const ended = cancelled(job, now);
  return { outcome: 'cancelled', change: { ...ended.change, engine_seconds }, events: ended.events };
}

/** The step waits for its next attempt. */
function interrupted(job: JobState): JobChange {
  return {
    ...NO_LEASE,
    status: after(job, 'interrupt'),
    progress: null,
    steps: changeStep(job, { status: 'queued' }),
  };
}

export interface StepFinished extends End {
  readonly stage: StageReport;
}

/** A step before the last succeeded: the next one is owed. */
export function decideFinishStep(job: JobState, end: StepFinished, now: Date): Decision<'published' | Lost> {
  const lost = lostBefore(job, end, now);
  if (lost) return lost;
  const next = job.step + 1;
  if (next >= job.steps.length) throw new Error('The last step ends the job: finishJob.');
  const steps = changeStep(job, { status: 'succeeded', finished_at: now.toISOString() });
  return {
    outcome: 'published',
    change: {
      ...NO_LEASE,
      status: after(job, 'advance'),
      engine_seconds: Math.max(job.engine_seconds, end.engineSeconds),
      stages: [...job.stages, end.stage],
      steps: steps.map((step, index) => (index === next ? { ...step, status: 'queued' } : step)),
      step: next,
      progress: null,
    },
    events: [{ type: 'job.step_finished', data: { step: job.step, type: end.stage.type, bytes: end.stage.bytes } }],
  };
}

export interface JobFinished extends End {
  readonly stage: StageReport;
  readonly report: Report | null;
  readonly summary: ReportSummary | null;
  /** A failure that keeps its evidence: requirements_not_met. Null is success. */
  readonly error: JobError | null;
}

/** The last step ended with evidence: the job succeeded, or it failed and keeps its report. */
export function decideFinishJob(job: JobState, end: JobFinished, now: Date): Decision<'published' | Lost> {
  const lost = lostBefore(job, end, now);
  if (lost) return lost;
  const evidence: JobChange = {
    engine_seconds: Math.max(job.engine_seconds, end.engineSeconds),
    stages: [...job.stages, end.stage],
    report: end.report,
    report_summary: end.summary,
    verdict: end.report?.verdict ?? null,
  };
  if (end.error) {
    const ended = failed(job, now, end.error);
    return { outcome: 'published', change: { ...ended.change, ...evidence }, events: ended.events };
  }
  return {
    outcome: 'published',
    change: {
      ...NO_LEASE,
      ...evidence,
      status: after(job, 'succeed'),
      progress: null,
      finished_at: now,
      steps: changeStep(job, { status: 'succeeded', finished_at: now.toISOString() }),
    },
    events: [{ type: 'job.succeeded', data: { verdict: evidence.verdict ?? null } }],
  };
}

export interface AttemptFailed extends End {
  /** A deterministic failure would come again and ends the job; a crash may be bad luck. */
  readonly kind: 'deterministic' | 'crash';
  readonly error: JobError;
}

/** An attempt failed. `retry`: the caller may claim the step again, within the same delivery. */
export function decideFailAttempt(job: JobState, end: AttemptFailed, now: Date): Decision<'failed' | 'retry' | Lost> {
  const lost = lostBefore(job, end, now);
  if (lost) return lost;
  const engine_seconds = Math.max(job.engine_seconds, end.engineSeconds);
  const crashes = job.crashes + (end.kind === 'crash' ? 1 : 0);
  if (end.kind === 'deterministic' || crashes > MAX_CRASHES) {
    const ended = failed(job, now, end.error);
    return { outcome: 'failed', change: { ...ended.change, crashes, engine_seconds }, events: ended.events };
  }
  return {
    outcome: 'retry',
    change: { ...interrupted(job), crashes, engine_seconds },
    events: [{ type: 'job.retrying', data: { step: job.step, reason: 'crash', crashes, error: end.error } }],
  };
}

/** A worker shuts down and leaves the step to another: neither a crash nor a loss is counted. */
export function decideGiveBack(job: JobState, end: End, now: Date): Decision<'given_back' | Lost> {
  const lost = lostBefore(job, end, now);
  if (lost) return lost;
  return {
    outcome: 'given_back',
    change: { ...interrupted(job), engine_seconds: Math.max(job.engine_seconds, end.engineSeconds) },
    events: [{ type: 'job.retrying', data: { step: job.step, reason: 'worker_shutdown' } }],
  };
}

/** The worker of a cancelled job has killed its engine. */
export function decideConfirmCancel(job: JobState, end: End, now: Date): Decision<'not_cancelling' | Lost> {
  return lostBefore(job, end, now) ?? { outcome: 'not_cancelling' };
}
