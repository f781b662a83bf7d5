import { recordProgress } from '../../src/jobs/attempts.js';
import type { Attempt } from '../../src/jobs/decisions/decision.js';
import type { Logger } from '../../src/platform/logger.js';
import type { JobRow } from '../../src/storage/schema.js';
import { calibrationKey } from './calibration-cache.js';
import { type EngineOutcome, EngineProcess } from './engine-process.js';
import { engineLimits } from './limits.js';
import { ProgressRelay } from './relay.js';
import type { Supervision } from './supervision.js';
import { describeTask, inputBytes, writeTask } from './task.js';
import { watchAttempt } from './watch.js';

export interface EngineRun {
  readonly outcome: EngineOutcome;
  /** Time that the engine ran, pauses not counted. */
  readonly seconds: number;
}

/**
 * Runs the engine of an attempt in its scratch folder: passes on what it says, keeps the lease, and ends it when the job is
 * cancelled, taken over, or `shutdown` aborts. Resolves when the process is gone.
 */
export async function runEngine(
  supervision: Supervision,
  job: JobRow,
  attempt: Attempt,
  scratch: string,
  logger: Logger,
  shutdown: AbortSignal,
): Promise<EngineRun> {
  const { jobs, machine, calibrations, engineMemoryMb } = supervision;
  const task = await describeTask(supervision, job);
  await writeTask(scratch, task);
  const key = calibrationKey(job.tenant, task);
  /** A cache that fails costs time, not the job. */
  const slower = (error: unknown) => logger.warn({ err: error }, 'the cache of calibrations could not be used');
  if (key !== null) await calibrations.lend(key, scratch, task.step).catch(slower);
  const timeMs = (job.spec.timeout_seconds - job.engine_seconds) * 1000;
  const limits = { ...engineLimits(timeMs, engineMemoryMb, inputBytes(task)), ...supervision.limits };

  const relay = new ProgressRelay((progress) => recordProgress(jobs, attempt, progress));
  const engine = new EngineProcess(scratch, limits, (event) => {
    if (event.type === 'progress') relay.push(event.progress);
    else if (event.type === 'log') logger[event.level]({ engine: event.fields, engine_pid: engine.pid }, event.message);
    else if (event.type === 'exclusive_request') machine.request(engine);
    else machine.release(engine);
  });
  machine.enter(engine);
  logger.info({ engine_pid: engine.pid }, 'engine started');
  const stop = () => engine.stop('shutdown');
  if (shutdown.aborted) stop();
  shutdown.addEventListener('abort', stop);

  const ended = new AbortController();
  const seconds = () => engine.elapsedMs / 1000;
  const watched = watchAttempt(supervision, attempt, engine, () => job.engine_seconds + seconds(), ended.signal);
  const outcome = await engine.outcome;
  if (key !== null && outcome.kind === 'finished') await calibrations.keep(key, scratch, task.step).catch(slower);
  machine.leave(engine);
  shutdown.removeEventListener('abort', stop);
  ended.abort();
  relay.close();
  await watched;
  return { outcome, seconds: seconds() };
}
