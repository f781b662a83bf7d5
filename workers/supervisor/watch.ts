import { once } from 'node:events';
import { renewLease } from '../../src/jobs/attempts.js';
import type { Attempt } from '../../src/jobs/decisions/decision.js';
import { HEARTBEAT_MS } from '../../src/jobs/limits.js';
import type { EngineProcess } from './engine-process.js';
import type { Supervision } from './supervision.js';

/**
 * Renews an attempt's lease until `ended` aborts, every HEARTBEAT_MS and whenever the job is said to have changed, and stops
 * the engine when the job was cancelled or another worker has taken the step over. While the records are away the engine
 * goes on: the fence decides when they are back.
 */
export async function watchAttempt(
  { jobs, logger }: Supervision,
  attempt: Attempt,
  engine: EngineProcess,
  engineSeconds: () => number,
  ended: AbortSignal,
): Promise<void> {
  const watch = jobs.signals.watch(attempt.job);
  const untilEnd = once(ended, 'abort');
  try {
    while (!ended.aborted) {
      try {
        const { owner, cancelRequested } = await renewLease(jobs, attempt, engineSeconds());
        if (!owner) engine.stop('fenced');
        else if (cancelRequested) engine.stop('cancelled');
      } catch (error) {
        logger.warn({ err: error, job: attempt.job }, 'the lease could not be renewed');
      }
      const beat = new AbortController();
      const timer = setTimeout(() => beat.abort(), HEARTBEAT_MS);
      await Promise.race([watch.changed(beat.signal), untilEnd]);
      clearTimeout(timer);
      beat.abort();
    }
  } finally {
    watch.close();
  }
}
