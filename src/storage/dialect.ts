import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  type PostgresPool,
  type QueryResult,
} from 'kysely';
import { mapConnectionError } from './connection-errors.js';
import type { SqlPool } from './sql-pool.js';

/** Kysely's PostgreSQL dialect whose driver throws ServiceErrors when the database is away. BullMQ, on the same pool, keeps pg's. */
export class ServiceDialect extends PostgresDialect {
  constructor(pool: SqlPool) {
    // Kysely asks for an overload for cursors too, which only `stream` would call.
    super({ pool: pool as unknown as PostgresPool });
  }

  override createDriver(): Driver {
    const driver = super.createDriver();
    const acquire = driver.acquireConnection.bind(driver);
    driver.acquireConnection = async (options) => {
      try {
        return withMappedErrors(await acquire(options));
      } catch (error) {
        throw mapConnectionError(error);
      }
    };
    return driver;
  }
}

const mapped = new WeakSet<DatabaseConnection>();

/** Kysely keeps one connection object per client, so it is wrapped once, in place. */
function withMappedErrors(connection: DatabaseConnection): DatabaseConnection {
  if (mapped.has(connection)) return connection;
  mapped.add(connection);
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async <Row>(query: CompiledQuery): Promise<QueryResult<Row>> => {
    try {
      return await execute<Row>(query);
    } catch (error) {
      throw mapConnectionError(error);
    }
  };
  return connection;
}
