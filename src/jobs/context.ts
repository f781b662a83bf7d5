import type { Logger } from '../platform/logger.js';
import type { OpenDatabase } from '../storage/database.js';
import type { StepQueue } from './queue.js';
import type { Signals } from './signals.js';

/** What the life of jobs is lived on: records are the truth, the queue and the signals only hurry. */
export interface JobsContext {
  readonly database: OpenDatabase;
  readonly queue: StepQueue;
  readonly signals: Signals;
  readonly logger: Logger;
}
