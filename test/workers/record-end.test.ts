import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { claimStep } from '../../src/jobs/attempts.js';
import { createLogger } from '../../src/platform/logger.js';
import { openServices, type Services } from '../../src/services.js';
import { jobError } from '../../workers/failure.js';
import { type AttemptOutcome, recordEnd } from '../../workers/supervisor/record-end.js';
import type { Supervision } from '../../workers/supervisor/supervision.js';
import { classifier } from './models.js';
import { Client, temporaryFolder, testConfig } from './service.js';

const logger = createLogger('worker', 'silent');
const never = new AbortController().signal;

describe('an end that the records refuse', () => {
  let dataDir: string;
  let services: Services;
  before(async () => {
    dataDir = await temporaryFolder();
    services = await openServices(testConfig(dataDir), logger);
  });
  after(async () => {
    await services.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  test('ends the job as a failure of ours, instead of holding its worker for ever', { timeout: 60_000 }, async () => {
    const client = new Client(services);
    const id = await client.submit({ model: await client.upload(classifier()), steps: [] });
    const claim = await claimStep(services, { job: id, step: 0 }, 'worker');
    assert.ok(claim.outcome === 'claimed');
    // No jsonb holds NUL.
    const outcome: AttemptOutcome = { kind: 'failed', error: jobError('model_run_failed', 'a\0b') };
    const supervision = { jobs: services, logger } as unknown as Supervision;
    assert.equal(await recordEnd(supervision, claim.job, claim.attempt, outcome, 1, never), 'over');
    const job = await client.job(id);
    assert.equal(job.status, 'failed');
    assert.equal(job.error?.code, 'internal_error');
  });
});
