import { setTimeout as wait } from 'node:timers/promises';
import { isDone } from '../../src/jobs/state-machine.js';
import { type AttemptFate, type AttemptName, sweepScratch } from './scratch.js';
import type { Supervision } from './supervision.js';

/** Often enough that the folders of lost workers do not pile up, seldom enough to cost nothing. */
const SWEEP_INTERVAL_MS = 60_000;

/** A worker may still be busy in an attempt's folder when it is the newest of its job and somebody holds its lease. */
async function fateOf({ jobs }: Supervision, { job, attempt }: AttemptName): Promise<AttemptFate> {
  const row = await jobs.database.queries
    .selectFrom('jobs')
    .select(['attempt', 'lease_owner', 'status'])
    .where('id', '=', job)
    .executeTakeFirst();
  if (!row || isDone(row.status)) return 'over';
  return row.attempt === attempt && row.lease_owner !== null ? 'live' : 'interrupted';
}

/**
 * Clears the scratch folders of attempts whose workers died, now and every minute, and what calibrations left unused. Embedded, nobody else can be working, so at
 * the start none of them is live.
 */
export async function startJanitor(supervision: Supervision): Promise<{ close(): Promise<void> }> {
  const { scratchRoot, calibrations, logger, jobs } = supervision;
  await sweepScratch(scratchRoot, async (name) => {
    const fate = await fateOf(supervision, name);
    return fate === 'live' && jobs.database.embedded ? 'interrupted' : fate;
  });
  const closing = new AbortController();
  const loop = (async () => {
    for (;;) {
      await wait(SWEEP_INTERVAL_MS, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      if (closing.signal.aborted) return;
      await sweepScratch(scratchRoot, (name) => fateOf(supervision, name)).catch((error: unknown) =>
        logger.warn({ err: error }, 'scratch folders could not be swept'),
      );
      await calibrations
        .sweep()
        .catch((error: unknown) => logger.warn({ err: error }, 'the cache of calibrations could not be swept'));
    }
  })();
  return {
    async close() {
      closing.abort();
      await loop;
    },
  };
}
