import type { JobRow } from '../storage/schema.js';
import type { JobsContext } from './context.js';
import { enqueueStep, queueOf } from './enqueue-step.js';

/**
 * After the commit of what a client asked for: brings the queue in line with the record and wakes who watches the job. The record
 * is the truth, so this never throws; what it could not do, the reconciler does.
 */
export async function announceJob(context: JobsContext, job: JobRow): Promise<void> {
  if (job.status === 'queued') await enqueueStep(context, job);
  if (job.status === 'cancelled') {
    await context.queue
      .remove({ queue: queueOf(job), job: job.id, step: job.step })
      // Removing only saves a worker the look: the delivery of a cancelled job ends at its claim.
      .catch((error: unknown) =>
        context.logger.debug({ err: error, job: job.id }, 'a cancelled step stays in the queue'),
      );
  }
  context.signals.publish(job.id);
}
