import type { Logger } from '../platform/logger.js';
import { connectRedis, FAIL_FAST, WAIT_FOR_EVER } from './redis-backend.js';
import type { SignalTransport } from './signals.js';

const CHANNEL = 'modelpress:jobs';

/** Wake-ups over Redis publish/subscribe; ioredis subscribes again after a reconnect. */
export function redisSignals(url: string, logger: Logger): SignalTransport {
  const publisher = connectRedis(url, FAIL_FAST, logger);
  const subscriber = connectRedis(url, WAIT_FOR_EVER, logger);
  return {
    async publish(job) {
      await publisher.publish(CHANNEL, job);
    },
    listen(heard) {
      subscriber.on('message', (_channel, job) => heard(job));
      subscriber.subscribe(CHANNEL).catch((error: unknown) => logger.warn({ err: error }, 'no wake-ups from redis'));
    },
    async close() {
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}
