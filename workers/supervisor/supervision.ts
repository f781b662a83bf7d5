import type { JobsContext } from '../../src/jobs/context.js';
import type { Logger } from '../../src/platform/logger.js';
import type { BlobStore } from '../../src/storage/blobs/blob-store.js';
import type { WorkerMetrics } from '../metrics.js';
import type { CalibrationCache } from './calibration-cache.js';
import type { EngineLimits } from './limits.js';
import type { Machine } from './machine.js';

/** What one worker process supervises its engines with. */
export interface Supervision {
  readonly jobs: JobsContext;
  readonly blobs: BlobStore;
  readonly machine: Machine;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  /** Names this worker process in the records, for people. */
  readonly owner: string;
  readonly scratchRoot: string;
  readonly calibrations: CalibrationCache;
  readonly engineThreads: number;
  readonly engineMemoryMb: number;
  /** Level of the engines' log. */
  readonly logLevel: string;
  /** Other limits than the usual ones: for tests, which have no minute to wait. */
  readonly limits?: Partial<EngineLimits>;
}
