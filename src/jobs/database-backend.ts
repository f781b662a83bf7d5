import { type BackendFactory, createPostgresBackend, type IQueueBackend, type PgPool, runMigrations } from 'bullmq';
import type { QueueBackend } from './queue-backend.js';

/**
 * BullMQ on PostgreSQL or on the embedded PGlite. `pool` must find BullMQ's tables by its search path; the caller ends it.
 */
export function databaseBackend(pool: PgPool): QueueBackend {
  let migrated = false;
  return {
    name: 'database',
    factory: createPostgresBackend as BackendFactory<IQueueBackend, unknown>,
    async prepare() {
      if (migrated) {
        await pool.query('SELECT 1');
        return;
      }
      const client = await pool.connect();
      try {
        await runMigrations(client);
        migrated = true;
      } finally {
        client.release();
      }
    },
    producer: () => ({ connection: pool, close: async () => {} }),
    consumer: () => ({ connection: pool, close: async () => {} }),
    async close() {},
  };
}
