import { setTimeout as sleep } from 'node:timers/promises';
import type { PgPool, PgPoolClient } from 'bullmq';
import type { Logger } from '../platform/logger.js';
import type { SignalTransport } from './signals.js';

const CHANNEL = 'modelpress_jobs';
const RECONNECT_DELAY_MS = 500;

/** Wake-ups over LISTEN and NOTIFY, on a client that is taken out of the pool for good and replaced when it dies. */
export function databaseSignals(pool: PgPool, logger: Logger): SignalTransport {
  const closing = new AbortController();
  let listening: PgPoolClient | undefined;
  let loop: Promise<void> = Promise.resolve();

  /** Listens until the client dies or the signals are closed. */
  async function listenOnce(heard: (job: string) => void): Promise<void> {
    const client = await pool.connect();
    listening = client;
    const died = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
      closing.signal.addEventListener('abort', () => resolve(), { once: true });
      // The signals may have been closed while the connection was made.
      if (closing.signal.aborted) resolve();
    });
    try {
      client.on('notification', (message) => {
        if (message.channel === CHANNEL && message.payload !== undefined) heard(message.payload);
      });
      await client.query(`LISTEN ${CHANNEL}`);
      await died;
    } finally {
      listening = undefined;
      // Destroyed, not returned: the next borrower must not inherit the subscription.
      client.release(true);
    }
  }

  return {
    async publish(job) {
      await pool.query('SELECT pg_notify($1, $2)', [CHANNEL, job]);
    },
    listen(heard) {
      loop = (async () => {
        while (!closing.signal.aborted) {
          await listenOnce(heard).catch((error: unknown) =>
            logger.debug({ err: error }, 'no wake-ups from the database'),
          );
          await sleep(RECONNECT_DELAY_MS, undefined, { signal: closing.signal }).catch(() => {});
        }
      })();
    },
    async close() {
      closing.abort();
      await listening?.query(`UNLISTEN ${CHANNEL}`).catch(() => {});
      await loop;
    },
  };
}
