import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import closeWithGrace from 'close-with-grace';
import { QUEUE_NAMES } from '../src/jobs/queue.js';
import { startReconciler } from '../src/jobs/reconciler.js';
import { type Config, readConfig } from '../src/platform/config.js';
import { createLogger, type Logger } from '../src/platform/logger.js';
import { runEntry } from '../src/platform/run-entry.js';
import { openServices, type Services } from '../src/services.js';
import { workerMetrics } from './metrics.js';
import { CalibrationCache, calibrationRoot } from './supervisor/calibration-cache.js';
import type { EngineLimits } from './supervisor/limits.js';
import { Machine } from './supervisor/machine.js';
import { scratchRoot } from './supervisor/scratch.js';
import { startJanitor } from './supervisor/scratch-janitor.js';
import type { Supervision } from './supervisor/supervision.js';
import { superviseStep } from './supervisor.js';

/** A worker process has this long to end its engines and to give its steps back before it is ended itself. */
const SHUTDOWN_MS = 15_000;

export interface Worker {
  /** Takes no more steps, ends the engines, and leaves their steps to other workers without counting an attempt against them. */
  close(): Promise<void>;
}

export type WorkerConfig = Pick<
  Config,
  'dataDir' | 'workerConcurrency' | 'engineThreads' | 'engineMemoryMb' | 'logLevel'
>;

/**
 * Starts a worker over open services: removes what dead attempts left, reconciles queue and records, and takes steps from both
 * queues, `workerConcurrency` at once from each. `limits` replaces the usual limits of engines in tests.
 */
export async function startWorker(
  services: Services,
  config: WorkerConfig,
  logger: Logger,
  limits: Partial<EngineLimits> = {},
): Promise<Worker> {
  const supervision: Supervision = {
    jobs: services,
    blobs: services.blobs,
    machine: new Machine(),
    metrics: workerMetrics(),
    logger,
    owner: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
    scratchRoot: scratchRoot(config.dataDir),
    calibrations: new CalibrationCache(calibrationRoot(config.dataDir)),
    engineThreads: config.engineThreads,
    engineMemoryMb: config.engineMemoryMb,
    logLevel: config.logLevel,
    limits,
  };
  const janitor = await startJanitor(supervision);
  const reconciler = await startReconciler(services);
  const consumers = QUEUE_NAMES.map((name) =>
    services.queue.consume(name, config.workerConcurrency, (delivery, shutdown) =>
      superviseStep(supervision, delivery, shutdown),
    ),
  );
  logger.info({ owner: supervision.owner, concurrency: config.workerConcurrency }, 'worker started');
  return {
    async close() {
      await Promise.all(consumers.map((consumer) => consumer.close()));
      await reconciler.close();
      await janitor.close();
    },
  };
}

/** A worker process on its own, beside any number of others and of api processes. */
async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger('worker', config.logLevel);
  const services = await openServices(config, logger);
  const worker = await startWorker(services, config, logger);
  closeWithGrace({ delay: SHUTDOWN_MS, logger }, async ({ err }) => {
    if (err) logger.error({ err }, 'the worker met a condition that it does not know');
    await worker.close();
    await services.close();
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runEntry(main);
