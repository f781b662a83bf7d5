import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { JobSpec } from '../../src/contracts/job-spec.js';
import type { ModelInspection } from '../../src/contracts/model.js';
import { acceptJob } from '../../src/jobs/accept-job.js';
import { announceJob } from '../../src/jobs/announce-job.js';
import { acceptCancel } from '../../src/jobs/cancel-job.js';
import { getJob } from '../../src/jobs/read-jobs.js';
import { isDone } from '../../src/jobs/state-machine.js';
import { inspectModel } from '../../src/onnx/admission/inspect-model.js';
import { type Config, readConfig } from '../../src/platform/config.js';
import { createLogger } from '../../src/platform/logger.js';
import { openServices, type Services } from '../../src/services.js';
import { artifactsOfJob } from '../../src/storage/records/artifacts.js';
import { insertModel } from '../../src/storage/records/models.js';
import type { ArtifactRow, JobRow } from '../../src/storage/schema.js';
import { LOCAL_TENANT } from '../../src/storage/tenant.js';
import { startWorker, type Worker } from '../../workers/main.js';
import type { EngineLimits } from '../../workers/supervisor/limits.js';
import { enginesBelow } from './processes.js';

const logger = createLogger('worker', process.env.TEST_LOG_LEVEL ?? 'silent');
const MAX_MODEL_BYTES = 1e6;

/** What a small evaluation costs: 40 timed runs of a model that takes microseconds. */
export const QUICK_EVALUATION = { samples: 8, latency: { runs: 40 } };

/** A configuration of its own for one test: data in a folder of its own, everything else as given. */
export const testConfig = (dataDir: string, environment: NodeJS.ProcessEnv = {}): Config =>
  readConfig({ DATA_DIR: dataDir, ENGINE_THREADS: '1', LOG_LEVEL: 'silent', ...environment });

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'modelpress-worker-'));

/** Uploads, jobs and waiting, as the api does them, over open services. */
export class Client {
  constructor(readonly services: Services) {}

  /** Stores a model. With `inspection`, the admission scan is passed by. */
  async upload(bytes: Uint8Array, inspection?: ModelInspection): Promise<string> {
    const { blobs, database } = this.services;
    const received = await blobs.receive(Readable.from([bytes]), { limit: MAX_MODEL_BYTES });
    const found = inspection ?? (await inspectModel(received, [], new AbortController().signal));
    const { sha256, bytes: modelBytes } = await received.keep();
    const model = { name: 'm', sha256, modelBytes, externalFiles: [], inspection: found };
    return (await insertModel(database.queries, LOCAL_TENANT, model)).row.id;
  }

  async submit(spec: Record<string, unknown>): Promise<string> {
    const parsed = JobSpec.parse({ evaluate: QUICK_EVALUATION, ...spec });
    const job = await this.services.database.transaction((trx) =>
      acceptJob(trx, { tenant: LOCAL_TENANT, spec: parsed, requestId: 'req_test' }),
    );
    await announceJob(this.services, job);
    return job.id;
  }

  async cancel(id: string): Promise<string> {
    const { outcome, job } = await this.services.database.transaction((trx) => acceptCancel(trx, LOCAL_TENANT, id));
    await announceJob(this.services, job);
    return outcome;
  }

  job(id: string): Promise<JobRow> {
    return getJob(this.services.database.queries, LOCAL_TENANT, id);
  }

  artifacts(id: string): Promise<ArtifactRow[]> {
    return artifactsOfJob(this.services.database.queries, LOCAL_TENANT, id);
  }

  content(sha256: string): Promise<Buffer> {
    return this.services.blobs.localFile(sha256).then((path) => readFile(path));
  }

  /** The job's record once `condition` holds. */
  async until(id: string, condition: (job: JobRow) => boolean): Promise<JobRow> {
    const watch = this.services.signals.watch(id);
    try {
      for (;;) {
        const job = await this.job(id);
        if (condition(job)) return job;
        await watch.changed();
      }
    } finally {
      watch.close();
    }
  }

  done(id: string): Promise<JobRow> {
    return this.until(id, (job) => isDone(job.status));
  }
}

/** An embedded service with a worker in this process. */
export class TestService {
  private constructor(
    readonly dataDir: string,
    readonly client: Client,
    private worker: Worker,
  ) {}

  static async open(limits: Partial<EngineLimits> = {}, environment: NodeJS.ProcessEnv = {}): Promise<TestService> {
    const dataDir = await temporaryFolder();
    const config = testConfig(dataDir, environment);
    const services = await openServices(config, logger);
    return new TestService(dataDir, new Client(services), await startWorker(services, config, logger, limits));
  }

  /** Process ids of the engines that this service runs. */
  engines(): number[] {
    return enginesBelow(this.dataDir);
  }

  async closeWorker(): Promise<void> {
    await this.worker.close();
  }

  async close(): Promise<void> {
    await this.worker.close();
    await this.client.services.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
