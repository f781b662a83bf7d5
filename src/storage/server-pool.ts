import pg from 'pg';
import type { Logger } from '../platform/logger.js';
import { IDLE_IN_TRANSACTION_LIMIT_MS, SEARCH_PATH, type SqlPool } from './sql-pool.js';
import { assertOutsideTransaction } from './transaction-scope.js';

/** Connections of one process: its requests' queries, and one for each listener of the queue. */
const MAX_CONNECTIONS = 20;
/** A request should hear within seconds that the database is away. */
const CONNECTION_TIMEOUT_MS = 5_000;

/** pg's pool, which refuses to serve from inside a transaction's callback, as the embedded one does. */
class GuardedPool extends pg.Pool {
  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Parameters<pg.Pool['connect']>[0]): void;
  override connect(callback?: Parameters<pg.Pool['connect']>[0]): Promise<pg.PoolClient> | undefined {
    assertOutsideTransaction();
    return callback ? void super.connect(callback) : super.connect();
  }
}

/** A pool of connections to a PostgreSQL server, which survives the loss of any of them. */
export function openServerPool(databaseUrl: string, logger: Logger): SqlPool {
  const types = new pg.TypeOverrides();
  // Counts and byte sizes stay below 2^53, as they do on the embedded database, which answers numbers too.
  types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new GuardedPool({
    connectionString: databaseUrl,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    keepAlive: true,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_LIMIT_MS,
    options: `-c search_path=${SEARCH_PATH}`,
    types,
  });
  // A connection that breaks is replaced. Without a listener its error would end the process: the pool's hears of idle connections,
  // the client's of those that somebody holds between two statements.
  pool.on('error', (error) => logger.warn({ err: error }, 'A database connection was lost'));
  pool.on('connect', (client) =>
    client.on('error', (error) => logger.debug({ err: error }, 'A database connection broke')),
  );
  return pool as unknown as SqlPool;
}
