import type { PgPool } from 'bullmq';
import type { Logger } from '../platform/logger.js';
import type { SqlPool } from '../storage/sql-pool.js';
import { CONSUMER_TIMING, type ConsumerTiming } from './bullmq-consumer.js';
import { bullmqQueue } from './bullmq-queue.js';
import { databaseBackend } from './database-backend.js';
import { databaseSignals } from './database-signals.js';
import type { StepQueue } from './queue.js';
import { redisBackend } from './redis-backend.js';
import { redisSignals } from './redis-signals.js';
import { openSignals, type Signals } from './signals.js';

export interface QueueAndSignals {
  readonly queue: StepQueue;
  readonly signals: Signals;
}

/** Queue and wake-ups: on Redis when `redisUrl` is set, else on the database. The caller ends the pool, after these. */
export function openQueue(
  redisUrl: string | undefined,
  pool: SqlPool,
  logger: Logger,
  timing: ConsumerTiming = CONSUMER_TIMING,
): QueueAndSignals {
  if (redisUrl !== undefined) {
    return {
      queue: bullmqQueue(redisBackend(redisUrl, logger), logger, timing),
      signals: openSignals(redisSignals(redisUrl, logger), logger),
    };
  }
  // BullMQ describes the same pool with looser types.
  const shared = pool as PgPool;
  return {
    queue: bullmqQueue(databaseBackend(shared), logger, timing),
    signals: openSignals(databaseSignals(shared, logger), logger),
  };
}
