import { once } from 'node:events';
import { type BackendFactory, createRedisBackend, type IQueueBackend } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from '../platform/logger.js';
import type { BackendConnection, QueueBackend } from './queue-backend.js';

/** A command of the api that Redis has not answered by then counts as failed. */
const COMMAND_TIMEOUT_MS = 2000;
/** How long to wait between two attempts to reach an absent Redis: short, because a restart takes about a second. */
const RECONNECT_DELAY_MS = 500;

/** Settings of a connection whose commands fail at once while Redis is away. */
export const FAIL_FAST: RedisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: COMMAND_TIMEOUT_MS,
  retryStrategy: () => RECONNECT_DELAY_MS,
};

/** Settings of a connection that waits for Redis for ever; BullMQ demands this of workers. */
export const WAIT_FOR_EVER: RedisOptions = { maxRetriesPerRequest: null, retryStrategy: () => RECONNECT_DELAY_MS };

/** Opens a connection whose errors are logged once per outage instead of once per attempt. */
export function connectRedis(url: string, options: RedisOptions, logger: Logger): Redis {
  const redis = new Redis(url, options);
  let away = false;
  redis.on('error', (error: Error) => {
    if (!away) logger.warn({ err: error }, 'redis is away');
    away = true;
  });
  redis.on('ready', () => {
    if (away) logger.info('redis is back');
    away = false;
  });
  return redis;
}

/** A connection that is still being made is not an absent server: it gets as long as a command. */
async function whenReady(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return;
  await once(redis, 'ready', { signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS) });
}

/** BullMQ on Redis, for several api and worker processes. */
export function redisBackend(url: string, logger: Logger): QueueBackend {
  const producing = connectRedis(url, FAIL_FAST, logger);
  return {
    name: 'redis',
    factory: createRedisBackend as BackendFactory<IQueueBackend, unknown>,
    async prepare() {
      await whenReady(producing);
      await producing.ping();
    },
    producer: () => ({ connection: producing, close: async () => {} }),
    consumer(): BackendConnection {
      const redis = connectRedis(url, WAIT_FOR_EVER, logger);
      return { connection: redis, close: async () => redis.disconnect() };
    },
    async close() {
      producing.disconnect();
    },
  };
}
