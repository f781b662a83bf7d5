import { type IQueueBackend, type JobType, Queue } from 'bullmq';
import type { Logger } from '../platform/logger.js';
import { CONSUMER_TIMING, type ConsumerTiming, startConsumer } from './bullmq-consumer.js';
import { withinDeadline } from './deadline.js';
import {
  type Delivery,
  QUEUE_DEADLINE_MS,
  QUEUE_NAMES,
  type QueueName,
  type StepQueue,
  type StepReference,
} from './queue.js';
import type { QueueBackend } from './queue-backend.js';

type Handle = Queue<StepReference, void, 'step', StepReference, void, 'step', IQueueBackend, unknown>;

/** States of an entry that still leads to a delivery. */
const LIVE_STATES: JobType[] = ['waiting', 'active', 'delayed', 'prioritized'];
/**
 * No retry and no trace: an id that BullMQ still knows, even as failed, makes the next `add` a silent no-op.
 */
const ENTRY = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/** The id without the attempt, so that however often a step is enqueued, it is there once. */
const entryId = (step: StepReference): string => `${step.job}-${step.step}`;

/** The step queue on BullMQ, over whichever backend. */
export function bullmqQueue(
  backend: QueueBackend,
  logger: Logger,
  timing: ConsumerTiming = CONSUMER_TIMING,
): StepQueue {
  const producer = backend.producer();
  const handles = new Map<QueueName, Handle>();

  /** Opens BullMQ's handle on first success only: one whose first contact failed stays broken for good. */
  async function handleOf(name: QueueName): Promise<Handle> {
    const open = handles.get(name);
    if (open) return open;
    await backend.prepare();
    const handle: Handle = new Queue(name, { connection: producer.connection, skipMetasUpdate: true }, backend.factory);
    handle.on('error', (error) => logger.debug({ err: error, queue: name }, 'queue'));
    await handle.waitUntilReady();
    const raced = handles.get(name);
    if (raced) {
      await handle.close();
      return raced;
    }
    handles.set(name, handle);
    return handle;
  }
  const bounded = <T>(work: () => Promise<T>): Promise<T> => withinDeadline('queue', QUEUE_DEADLINE_MS, work);

  return {
    check: () => bounded(() => backend.prepare()),
    enqueue: ({ queue, job, step }) =>
      bounded(async () => {
        const handle = await handleOf(queue);
        await handle.add('step', { job, step }, { ...ENTRY, jobId: entryId({ job, step }) });
      }),
    remove: (delivery) =>
      bounded(async () => {
        const handle = await handleOf(delivery.queue);
        // Answers 0 for an entry that a consumer holds, and leaves it.
        await handle.remove(entryId(delivery));
      }),
    known: () =>
      bounded(async () => {
        const found = await Promise.all(
          QUEUE_NAMES.map(async (queue) => {
            const entries = await (await handleOf(queue)).getJobs(LIVE_STATES);
            // An entry that ended between the two reads of BullMQ is a hole in the list.
            return entries
              .filter((entry) => entry !== undefined)
              .map((entry): Delivery => ({ queue, job: entry.data.job, step: entry.data.step }));
          }),
        );
        return found.flat();
      }),
    counts: (queue) =>
      bounded(async () => {
        const counts = await (await handleOf(queue)).getJobCounts('waiting', 'active');
        return { waiting: counts.waiting ?? 0, active: counts.active ?? 0 };
      }),
    async clear() {
      for (const queue of QUEUE_NAMES) await (await handleOf(queue)).obliterate({ force: true });
    },
    consume: (queue, concurrency, handler) => startConsumer(backend, queue, concurrency, handler, timing, logger),
    async close() {
      await Promise.all([...handles.values()].map((handle) => handle.close()));
      await producer.close();
      await backend.close();
    },
  };
}
