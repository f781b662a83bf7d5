import { setTimeout as sleep } from 'node:timers/promises';
import { type IQueueBackend, type Job, type JobProgress, WaitingError, Worker } from 'bullmq';
import type { Logger } from '../platform/logger.js';
import { withinDeadline } from './deadline.js';
import type { Consumer, DeliveryHandler, QueueName, StepReference } from './queue.js';
import type { BackendConnection, QueueBackend } from './queue-backend.js';

export interface ConsumerTiming {
  /** A delivery whose worker has not renewed it for so long goes to another worker. */
  readonly lockDurationMs: number;
  /** How often a worker looks for such deliveries. */
  readonly stalledIntervalMs: number;
}
export const CONSUMER_TIMING: ConsumerTiming = { lockDurationMs: 30_000, stalledIntervalMs: 10_000 };

type StepWorker = Worker<StepReference, void, string, IQueueBackend, JobProgress, unknown>;

/** The records count lost workers; BullMQ's own count (by default it fails a job at the second loss) must never decide. */
const NEVER = 1_000_000;
/** Between two attempts to reach an absent backend. */
const RETRY_DELAY_MS = 500;
/** How long a shutdown waits for an absent queue; a delivery that is not given back by then returns when its lock expires. */
const CLOSE_DEADLINE_MS = 5000;

/** A BullMQ worker that starts when its backend can be reached and stops without losing a delivery. */
export function startConsumer(
  backend: QueueBackend,
  queue: QueueName,
  concurrency: number,
  handler: DeliveryHandler,
  timing: ConsumerTiming,
  logger: Logger,
): Consumer {
  const closing = new AbortController();
  const handling = new Set<Promise<unknown>>();
  let worker: StepWorker | undefined;
  let connection: BackendConnection | undefined;

  async function process(job: Job<StepReference>, token = ''): Promise<void> {
    if (!closing.signal.aborted) {
      const work = handler({ queue, job: job.data.job, step: job.data.step }, closing.signal);
      handling.add(work);
      const outcome = await work.finally(() => handling.delete(work));
      if (outcome === 'done') return;
    }
    await job.moveToWait(token);
    throw new WaitingError();
  }

  function open(): StepWorker {
    connection ??= backend.consumer();
    const opened: StepWorker = new Worker(
      queue,
      process,
      {
        connection: connection.connection,
        concurrency,
        lockDuration: timing.lockDurationMs,
        stalledInterval: timing.stalledIntervalMs,
        maxStalledCount: NEVER,
        runRetryDelay: RETRY_DELAY_MS,
      },
      backend.factory,
    );
    opened.on('error', (error) => logger.debug({ err: error, queue }, 'queue worker'));
    opened.on('failed', (job, error) => logger.warn({ err: error, queue, ...job?.data }, 'a delivery was dropped'));
    return opened;
  }

  /** A worker whose first contact failed never recovers by itself, so one is only kept once it was ready. */
  async function start(): Promise<void> {
    while (!closing.signal.aborted) {
      let opened: StepWorker | undefined;
      try {
        await backend.prepare();
        opened = open();
        await opened.waitUntilReady();
        worker = opened;
        return;
      } catch (error) {
        logger.debug({ err: error, queue }, 'the queue cannot be reached yet');
        await opened?.close(true);
        await sleep(RETRY_DELAY_MS, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  }

  const started = start();
  async function close(): Promise<void> {
    closing.abort('shutdown');
    await started;
    await Promise.allSettled(handling);
    const opened = worker;
    if (opened) {
      await withinDeadline('queue', CLOSE_DEADLINE_MS, () => opened.close()).catch((error: unknown) =>
        logger.warn({ err: error, queue }, 'the queue was away at shutdown'),
      );
    }
    await connection?.close();
  }
  let closed: Promise<void> | undefined;
  return { close: () => (closed ??= close()) };
}
