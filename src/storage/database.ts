import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Kysely, type Transaction } from 'kysely';
import type { Logger } from '../platform/logger.js';
import { ServiceDialect } from './dialect.js';
import { lockFolder } from './embedded/folder-lock.js';
import { Maintenance } from './embedded/maintenance.js';
import { EmbeddedPool } from './embedded/pool.js';
import { EmbeddedSession } from './embedded/session.js';
import { migrate } from './migrations/migrate.js';
import type { Database } from './schema.js';
import { openServerPool } from './server-pool.js';
import type { SqlPool } from './sql-pool.js';
import { insideTransaction } from './transaction-scope.js';

export type Trx = Transaction<Database>;
/** What a record query needs: the database itself or a transaction. Transactions start only in `OpenDatabase.transaction`. */
export type Queries = Omit<Kysely<Database>, 'transaction' | 'startTransaction' | 'connection' | 'destroy'>;

export interface OpenDatabase {
  /** Embedded: this process is the only one that works on these records. */
  readonly embedded: boolean;
  readonly queries: Queries;
  /** The shape of pg.Pool, with BullMQ's schema in the search path; for the queue and for LISTEN. */
  readonly pool: SqlPool;
  /**
   * Runs the callback in one transaction: committed when it resolves, rolled back when it throws. It gets only its `trx`: any other
   * query from inside it throws, on both databases.
   */
  transaction<T>(callback: (trx: Trx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Opens the records: the PostgreSQL server at `databaseUrl`, or without it an embedded PostgreSQL in `dataDir`/db, which one process
 * at a time may use. The schema is up to date when it resolves.
 */
export async function openDatabase(
  config: { readonly databaseUrl: string | undefined; readonly dataDir: string },
  logger: Logger,
): Promise<OpenDatabase> {
  return config.databaseUrl === undefined
    ? openEmbedded(config.dataDir, logger)
    : connected(openServerPool(config.databaseUrl, logger), false, async () => {});
}

async function openEmbedded(dataDir: string, logger: Logger): Promise<OpenDatabase> {
  await mkdir(dataDir, { recursive: true });
  const lock = await lockFolder(dataDir);
  try {
    const pool = new EmbeddedPool(await EmbeddedSession.open(join(dataDir, 'db')), logger);
    const maintenance = new Maintenance(pool, logger);
    maintenance.start();
    return await connected(
      pool,
      true,
      () => maintenance.stop(),
      () => lock.release(),
    );
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function connected(
  pool: SqlPool,
  embedded: boolean,
  beforeClose: () => Promise<void>,
  afterClose: () => Promise<void> = async () => {},
): Promise<OpenDatabase> {
  const kysely = new Kysely<Database>({ dialect: new ServiceDialect(pool) });
  const close = async (): Promise<void> => {
    await beforeClose();
    await kysely.destroy();
    await afterClose();
  };
  try {
    await migrate(kysely);
  } catch (error) {
    await close();
    throw error;
  }
  const transaction = <T>(callback: (trx: Trx) => Promise<T>): Promise<T> =>
    kysely.transaction().execute((trx) => insideTransaction(() => callback(trx)));
  return { embedded, queries: kysely, pool, transaction, close };
}
