import type { Progress } from '../contracts/job.js';
import { insertArtifacts, type NewArtifact } from '../storage/records/artifacts.js';
import type { JobRow } from '../storage/schema.js';
import type { JobsContext } from './context.js';
import { type Claim, decideClaim } from './decisions/claim.js';
import type { Attempt, Decision } from './decisions/decision.js';
import {
  type AttemptFailed,
  decideConfirmCancel,
  decideFailAttempt,
  decideFinishJob,
  decideFinishStep,
  decideGiveBack,
  type JobFinished,
  type Lost,
  type StepFinished,
} from './decisions/end-attempt.js';
import { decideHeartbeat, decideProgress, type HeartbeatOutcome } from './decisions/heartbeat.js';
import { enqueueStep } from './enqueue-step.js';
import { LEASE_MS } from './limits.js';
import type { StepReference } from './queue.js';
import { transact } from './transact.js';

/** What a worker learns of a delivery: an attempt that is now its own, or that there is nothing to do for it. */
export type Claimed = { readonly outcome: 'claimed'; readonly attempt: Attempt; readonly job: JobRow };
export type NotClaimed = { readonly outcome: 'busy' | 'over' };

/** Opens an attempt of a delivered step. `owner` names the worker process; `leaseMs` is shorter in tests only. */
export async function claimStep(
  context: JobsContext,
  delivery: StepReference,
  owner: string,
  leaseMs: number = LEASE_MS,
): Promise<Claimed | NotClaimed> {
  const claim: Claim = { step: delivery.step, owner, leaseMs };
  const done = await transact(context, delivery.job, (job, now) => decideClaim(job, claim, now));
  if (done === null) return { outcome: 'over' };
  if (done.outcome !== 'claimed') return { outcome: done.outcome };
  return { outcome: 'claimed', job: done.job, attempt: { job: done.job.id, attempt: done.job.attempt } };
}

/** Keeps the lease, counts the engine's time and learns of a cancel. To be called every HEARTBEAT_MS and on each signal. */
export async function renewLease(
  context: JobsContext,
  attempt: Attempt,
  engineSeconds: number,
  leaseMs: number = LEASE_MS,
): Promise<HeartbeatOutcome> {
  const beat = { attempt: attempt.attempt, engineSeconds, leaseMs };
  const done = await transact(context, attempt.job, (job, now) => decideHeartbeat(job, beat, now));
  return done?.outcome ?? { owner: false, cancelRequested: false };
}

/** Shows what the engine is doing; at most two a second. False when it was not taken. */
export async function recordProgress(context: JobsContext, attempt: Attempt, progress: Progress): Promise<boolean> {
  const done = await transact(context, attempt.job, (job) => decideProgress(job, attempt.attempt, progress));
  return done?.outcome ?? false;
}

/** A file that the attempt made, whose content lies in the blob store already. */
export type StepArtifact = Omit<NewArtifact, 'job_id' | 'step'>;
type EndOf<Facts> = Omit<Facts, 'attempt'> & { readonly artifacts?: readonly StepArtifact[] };

/** Publishes a step before the last and enqueues the next one. */
export async function finishStep(
  context: JobsContext,
  attempt: Attempt,
  end: EndOf<StepFinished>,
): Promise<'published' | Lost> {
  const { outcome, job } = await endAttempt(context, attempt, decideFinishStep, end);
  if (outcome === 'published' && job) await enqueueStep(context, job);
  return outcome;
}

/** Publishes the last step: artifacts, report and status become visible together. */
export async function finishJob(
  context: JobsContext,
  attempt: Attempt,
  end: EndOf<JobFinished>,
): Promise<'published' | Lost> {
  return (await endAttempt(context, attempt, decideFinishJob, end)).outcome;
}

/** Records a failure; `retry` means that the caller may claim the step again within the same delivery. */
export async function failAttempt(
  context: JobsContext,
  attempt: Attempt,
  end: EndOf<AttemptFailed>,
): Promise<'failed' | 'retry' | Lost> {
  return (await endAttempt(context, attempt, decideFailAttempt, end)).outcome;
}

/** Leaves the step to another worker at shutdown; the delivery is then given back too. */
export async function giveBack(
  context: JobsContext,
  attempt: Attempt,
  engineSeconds: number,
): Promise<'given_back' | Lost> {
  return (await endAttempt(context, attempt, decideGiveBack, { engineSeconds })).outcome;
}

/** Ends a cancelled job once its engine is dead. */
export async function confirmCancel(
  context: JobsContext,
  attempt: Attempt,
  engineSeconds: number,
): Promise<'not_cancelling' | Lost> {
  return (await endAttempt(context, attempt, decideConfirmCancel, { engineSeconds })).outcome;
}

async function endAttempt<Facts extends { readonly attempt: number }, Outcome>(
  context: JobsContext,
  attempt: Attempt,
  decide: (job: JobRow, end: Facts, now: Date) => Decision<Outcome>,
  end: EndOf<Facts>,
): Promise<{ outcome: Outcome | 'fenced'; job: JobRow | null }> {
  const facts = { ...end, attempt: attempt.attempt } as unknown as Facts;
  const done = await transact(context, attempt.job, (job, now) => decide(job, facts, now), {
    alongside: async (trx, job, outcome) => {
      // A cancel that came first wins: a cancelled job has no artifacts of this step.
      if (outcome === 'cancelled') return;
      const artifacts = (end.artifacts ?? []).map((artifact) => ({ ...artifact, job_id: job.id, step: job.step }));
      await insertArtifacts(trx, job.tenant, artifacts);
    },
  });
  return done ?? { outcome: 'fenced', job: null };
}
