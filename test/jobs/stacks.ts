import type { ConsumerTiming } from '../../src/jobs/bullmq-consumer.js';
import type { JobsContext } from '../../src/jobs/context.js';
import { openQueue } from '../../src/jobs/open-queue.js';
import { createLogger } from '../../src/platform/logger.js';
import { skipWithoutPostgres } from '../harness/postgres.js';
import { skipWithoutRedis, startRedis } from '../harness/redis.js';
import { openEmbeddedForTest, openServerForTest, type TestDatabase } from '../storage/databases.js';

/** Short enough that a lost worker is noticed within a test. */
export const QUICK: ConsumerTiming = { lockDurationMs: 1000, stalledIntervalMs: 300 };
const logger = createLogger('modelpress', process.env.TEST_LOG_LEVEL ?? 'silent');

/** Records, queue and signals of one suite. */
export interface TestStack {
  readonly context: JobsContext;
  /** Another process's view of the same records and queue; to be closed by the test. */
  another(): { context: JobsContext; close(): Promise<void> };
  stop(): Promise<void>;
}

async function openStack(
  opening: Promise<TestDatabase>,
  redisUrl: string | undefined,
  timing: ConsumerTiming,
): Promise<TestStack> {
  const { database, stop } = await opening;
  const another = () => {
    const { queue, signals } = openQueue(redisUrl, database.pool, logger, timing);
    const close = async (): Promise<void> => {
      await queue.close();
      await signals.close();
    };
    return { context: { database, queue, signals, logger }, close };
  };
  const own = another();
  return {
    context: own.context,
    another,
    stop: async () => {
      await own.close();
      await stop();
    },
  };
}

/** Every combination that the conformance suites run on. */
export const STACKS: readonly {
  name: string;
  skip: string | false;
  open: (timing?: ConsumerTiming) => Promise<TestStack>;
}[] = [
  { name: 'embedded', skip: false, open: (timing = QUICK) => openStack(openEmbeddedForTest(), undefined, timing) },
  {
    name: 'PostgreSQL',
    skip: skipWithoutPostgres,
    open: (timing = QUICK) => openStack(openServerForTest(), undefined, timing),
  },
  {
    name: 'Redis',
    skip: skipWithoutRedis,
    open: async (timing = QUICK) => {
      const redis = await startRedis();
      // Records on a server, as in production, where one can be had.
      const records = skipWithoutPostgres ? openEmbeddedForTest() : openServerForTest();
      const stack = await openStack(records, redis.url, timing);
      return {
        ...stack,
        stop: async () => {
          await stack.stop();
          await redis.stop();
        },
      };
    },
  },
];
