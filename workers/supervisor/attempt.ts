import type { Attempt } from '../../src/jobs/decisions/decision.js';
import type { JobRow } from '../../src/storage/schema.js';
import { failureOf, jobError } from '../failure.js';
import type { EngineOutcome } from './engine-process.js';
import { storeResult } from './publication.js';
import { type AttemptEnd, type AttemptOutcome, recordEnd } from './record-end.js';
import { ResultRefused } from './result.js';
import { runEngine } from './run-engine.js';
import { leaveCheckpoints, makeScratch, removeScratch } from './scratch.js';
import type { Supervision } from './supervision.js';

/**
 * Runs one claimed attempt from an empty scratch folder to a recorded end. Whatever happens, the engine is dead and its scratch
 * folder gone when this resolves, but for the checkpoints of an attempt that another follows.
 */
export async function runAttempt(
  supervision: Supervision,
  job: JobRow,
  attempt: Attempt,
  shutdown: AbortSignal,
): Promise<AttemptEnd> {
  const type = job.steps[job.step]?.type ?? 'evaluate';
  const logger = supervision.logger.child({ job: job.id, attempt: attempt.attempt, request_id: job.request_id });
  let seconds = 0;
  let scratch: string | undefined;
  let outcome: AttemptOutcome;
  try {
    scratch = await makeScratch(supervision.scratchRoot, attempt);
    const run = await runEngine(supervision, job, attempt, scratch, logger, shutdown);
    seconds = run.seconds;
    outcome = await checked(supervision, job, run.outcome, scratch);
  } catch (error) {
    // Not the job's fault: a full disk or a missing blob may be mended before the next attempt.
    logger.error({ err: error }, 'the attempt could not be run');
    outcome = { kind: 'crashed', error: failureOf(error, 'supervising') };
  }
  if (scratch !== undefined) await (isInterrupted(outcome) ? leaveCheckpoints : removeScratch)(scratch);
  measure(supervision, type, outcome, seconds);
  const end = await recordEnd(supervision, job, attempt, outcome, job.engine_seconds + seconds, shutdown);
  logger.info({ ...describe(outcome), end, seconds }, 'attempt ended');
  return end;
}

/** Stores the result of an engine that finished. One that is not a result is a mistake of ours that would come again. */
async function checked(
  supervision: Supervision,
  job: JobRow,
  outcome: EngineOutcome,
  scratch: string,
): Promise<AttemptOutcome> {
  if (outcome.kind !== 'finished') return outcome;
  try {
    return { kind: 'stored', stored: await storeResult(supervision, job, scratch) };
  } catch (error) {
    if (!(error instanceof ResultRefused)) throw error;
    supervision.logger.error({ err: error, job: job.id }, 'the result of an engine was refused');
    return { kind: 'failed', error: jobError('internal_error', 'The engine left a result that contradicts itself.') };
  }
}

/** Whether another attempt may follow, which can start from this one's checkpoints. */
const isInterrupted = (outcome: AttemptOutcome) =>
  outcome.kind === 'crashed' || (outcome.kind === 'stopped' && outcome.reason === 'shutdown');

/** The outcome in one word: the code of an error, the reason of a stop, or success. */
function describe(outcome: AttemptOutcome): { kind: AttemptOutcome['kind']; cause: string } {
  const { kind } = outcome;
  if (kind === 'stored') return { kind, cause: outcome.stored.result.error?.code ?? 'succeeded' };
  return { kind, cause: kind === 'stopped' ? outcome.reason : outcome.error.code };
}

/** Errors for which the supervisor kills an engine that did not fail by itself. */
const KILLED_FOR = new Set(['timeout', 'memory_limit_exceeded']);

function measure({ metrics }: Supervision, type: string, outcome: AttemptOutcome, seconds: number): void {
  const { kind, cause } = describe(outcome);
  metrics.stepEnded(type, cause, seconds);
  if (kind === 'crashed' || kind === 'stopped' || KILLED_FOR.has(cause)) metrics.engineDied(cause);
}
