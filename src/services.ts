import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobsContext } from './jobs/context.js';
import { withinDeadline } from './jobs/deadline.js';
import { openQueue } from './jobs/open-queue.js';
import type { Config } from './platform/config.js';
import { ServiceError } from './platform/errors.js';
import type { Logger } from './platform/logger.js';
import type { BlobStore } from './storage/blobs/blob-store.js';
import { FileBlobStore } from './storage/blobs/file-blob-store.js';
import { type OpenDatabase, openDatabase } from './storage/database.js';
import { Janitor } from './storage/janitor.js';

/** The longest that a readiness check waits for one part. */
const READINESS_DEADLINE_MS = 2000;
/** Between two attempts to reach a database server at the start. */
const DATABASE_RETRY_MS = 1000;

export type Part = 'database' | 'queue' | 'blobs';
export interface Readiness {
  readonly ready: boolean;
  /** Of each part: `ready`, or what is wrong in one sentence. */
  readonly parts: Readonly<Record<Part, string>>;
}

/** Everything that outlives a request or a step, in one process. */
export interface Services extends JobsContext {
  readonly config: Config;
  readonly blobs: BlobStore;
  /** Asks every part now; a part that was away and is back is ready again. Never throws. */
  readiness(): Promise<Readiness>;
  /** After servers and consumers are closed. */
  close(): Promise<void>;
}

/** Opens what the configuration names: the only place that knows whether it runs embedded or distributed. */
export async function openServices(config: Config, logger: Logger): Promise<Services> {
  const blobFolder = join(config.dataDir, 'blobs');
  const blobs = await FileBlobStore.open(blobFolder);
  const database = await openDatabaseWhenThere(config, logger);
  const { queue, signals } = openQueue(config.redisUrl, database.pool, logger);

  const janitor = new Janitor(database, blobs, logger);
  await janitor.start();

  const checks: Record<Part, () => Promise<unknown>> = {
    database: () => database.pool.query('SELECT 1'),
    queue: () => queue.check(),
    blobs: () => access(blobFolder, constants.R_OK | constants.W_OK),
  };
  const check = (part: Part): Promise<string> =>
    withinDeadline(part, READINESS_DEADLINE_MS, checks[part]).then(
      () => 'ready',
      (error: unknown) => (error instanceof ServiceError ? error.detail : `The ${part} is not ready.`),
    );
  return {
    config,
    logger,
    database,
    blobs,
    queue,
    signals,
    async readiness() {
      const [ofDatabase, ofQueue, ofBlobs] = await Promise.all([check('database'), check('queue'), check('blobs')]);
      const parts = { database: ofDatabase, queue: ofQueue, blobs: ofBlobs };
      return { ready: Object.values(parts).every((state) => state === 'ready'), parts };
    },
    async close() {
      await janitor.stop();
      await queue.close();
      await signals.close();
      // Last: queue and signals may live on the database's connections.
      await database.close();
    },
  };
}

/** Servers start in any order: a database server that is away is waited for, any other failure is thrown. */
async function openDatabaseWhenThere(config: Config, logger: Logger): Promise<OpenDatabase> {
  for (;;) {
    try {
      return await openDatabase(config, logger);
    } catch (error) {
      const reason = error instanceof Error && error.cause instanceof ServiceError ? error.cause : error;
      if (!(reason instanceof ServiceError && reason.code === 'unavailable')) throw error;
      logger.warn({ err: error }, 'the database server cannot be reached yet');
      await sleep(DATABASE_RETRY_MS);
    }
  }
}
