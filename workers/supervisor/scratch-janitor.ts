import { setTimeout as wait } from 'node:timers/promises';
import type { AttemptName } from './scratch.js';
import { sweepScratch } from './scratch.js';
import type { Supervision } from './supervision.js';

/** Often enough that the folders of lost workers do not pile up, seldom enough to cost nothing. */
const SWEEP_INTERVAL_MS = 60_000;

/** Whether a worker may still be busy in an attempt's folder: it is the newest of its job and somebody holds its lease. */
async function isLive({ jobs }: Supervision, { job, attempt }: AttemptName): Promise<boolean> {
  const row = await jobs.database.queries
    .selectFrom('jobs')
    .select(['attempt', 'lease_owner'])
    .where('id', '=', job)
    .executeTakeFirst();
  return row?.attempt === attempt && row.lease_owner !== null;
}

/**
 * Removes the scratch folders of attempts whose workers died, now and every minute. Embedded, nobody else can be working, so at
 * the start all of them go.
 */
export async function startJanitor(supervision: Supervision): Promise<{ close(): Promise<void> }> {
  const { scratchRoot, logger, jobs } = supervision;
  await sweepScratch(scratchRoot, async (name) => !jobs.database.embedded && isLive(supervision, name));
  const closing = new AbortController();
  const loop = (async () => {
    for (;;) {
      await wait(SWEEP_INTERVAL_MS, undefined, { signal: closing.signal, ref: false }).catch(() => {});
      if (closing.signal.aborted) return;
      await sweepScratch(scratchRoot, (name) => isLive(supervision, name)).catch((error: unknown) =>
        logger.warn({ err: error }, 'scratch folders could not be swept'),
      );
    }
  })();
  return {
    async close() {
      closing.abort();
      await loop;
    },
  };
}
