import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { claimStep } from '../../src/jobs/attempts.js';
import { createLogger } from '../../src/platform/logger.js';
import { openServices, type Services } from '../../src/services.js';
import { workerMetrics } from '../../workers/metrics.js';
import { sha256Of } from '../../workers/steps/written-model.js';
import { CalibrationCache, calibrationRoot } from '../../workers/supervisor/calibration-cache.js';
import { Machine } from '../../workers/supervisor/machine.js';
import { publish, storeResult } from '../../workers/supervisor/publication.js';
import type { Supervision } from '../../workers/supervisor/supervision.js';
import { classifier } from './models.js';
import { Client, temporaryFolder, testConfig } from './service.js';

const logger = createLogger('worker', 'silent');
const steps = [
  { type: 'quantize', scheme: 'optimized' },
  { type: 'quantize', scheme: 'optimized' },
];

describe('publishing what an attempt made', () => {
  let dataDir: string;
  let services: Services;
  let client: Client;
  let supervision: Supervision;
  before(async () => {
    dataDir = await temporaryFolder();
    services = await openServices(testConfig(dataDir), logger);
    client = new Client(services);
    supervision = {
      jobs: services,
      blobs: services.blobs,
      machine: new Machine(),
      metrics: workerMetrics(),
      logger,
      owner: 'test',
      calibrations: new CalibrationCache(calibrationRoot(dataDir)),
      scratchRoot: join(dataDir, 'scratch'),
      engineThreads: 1,
      engineMemoryMb: 1024,
      logLevel: 'silent',
    };
  });
  after(async () => {
    await services.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** A claim of the job's first step by a worker that is never heard of again, and what its engine left. */
  async function attemptOf(job: string, content: string) {
    const claim = await claimStep(services, { job, step: 0 }, 'worker', 0);
    assert.ok(claim.outcome === 'claimed');
    const scratch = mkdtempSync(join(dataDir, 'scratch-'));
    writeFileSync(join(scratch, 'model.onnx'), content);
    const sha256 = await sha256Of(join(scratch, 'model.onnx'));
    const files = [{ file: 'model.onnx', name: 'model.onnx', role: 'stage' }];
    const stage = { type: 'quantize', seconds: 1, peak_memory_bytes: 1, bytes: content.length, sha256, notes: [] };
    const leave = (result: object) => writeFileSync(join(scratch, 'result.json'), JSON.stringify(result));
    const result = { files, stage, report: null, error: null };
    leave(result);
    return { ...claim, scratch, leave, result };
  }

  test('whoever was overtaken publishes nothing, however late he comes', async () => {
    const id = await client.submit({ model: await client.upload(classifier()), steps });
    const first = await attemptOf(id, 'first');
    const second = await attemptOf(id, 'second');
    const late = await storeResult(supervision, first.job, first.scratch);
    assert.equal(await publish(supervision, first.job, first.attempt, late, 1), 'fenced');
    assert.deepEqual(await client.artifacts(id), []);
    const stored = await storeResult(supervision, second.job, second.scratch);
    assert.equal(await publish(supervision, second.job, second.attempt, stored, 1), 'published');
    assert.equal(await publish(supervision, first.job, first.attempt, late, 1), 'fenced');
    assert.equal(await publish(supervision, second.job, second.attempt, stored, 1), 'fenced', 'nor anybody twice');
    const artifacts = await client.artifacts(id);
    assert.deepEqual(
      artifacts.map(({ role, sha256 }) => [role, sha256]),
      [['stage', second.result.stage.sha256]],
    );
    assert.equal((await client.content(artifacts[0]?.sha256 ?? '')).toString(), 'second');
    assert.deepEqual(readdirSync(second.scratch), ['result.json'], 'the files have moved into the store');
  });

  test('a report about another model is refused', async () => {
    const id = await client.submit({ model: await client.upload(classifier()), steps });
    const attempt = await attemptOf(id, 'content');
    attempt.leave({ ...attempt.result, stage: { ...attempt.result.stage, sha256: 'f'.repeat(64) } });
    await assert.rejects(storeResult(supervision, attempt.job, attempt.scratch), /another model/);
  });
});
