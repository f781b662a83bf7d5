import type { StepState } from '../contracts/job.js';
import type { JobRow } from '../storage/schema.js';
import type { JobsContext } from './context.js';
import type { QueueName } from './queue.js';

/** Which queue a step waits in: long training holds up nothing else. Evaluations are short. */
const QUEUE_OF_STEP: Readonly<Record<StepState['type'], QueueName>> = {
  quantize: 'quantize',
  distill: 'distill',
  evaluate: 'quantize',
};

/** The types of step that wait in a queue. */
export const stepsOf = (queue: QueueName): StepState['type'][] =>
  (Object.keys(QUEUE_OF_STEP) as StepState['type'][]).filter((type) => QUEUE_OF_STEP[type] === queue);

/** The queue of a job's current step. */
export function queueOf(job: Pick<JobRow, 'steps' | 'step'>): QueueName {
  const type = job.steps[job.step]?.type;
  if (type === undefined) throw new Error(`A job has no step ${job.step}.`);
  return QUEUE_OF_STEP[type];
}

/**
 * The one door to the queue. The record already says that the step is owed, so a queue that is away delays the step until the
 * reconciler comes by, and loses nothing: never throws.
 */
export async function enqueueStep(context: JobsContext, job: Pick<JobRow, 'id' | 'steps' | 'step'>): Promise<void> {
  try {
    await context.queue.enqueue({ queue: queueOf(job), job: job.id, step: job.step });
  } catch (error) {
    context.logger.warn({ err: error, job: job.id, step: job.step }, 'the step will be enqueued by the reconciler');
  }
}
