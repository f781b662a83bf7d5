import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../jobs/until.js';
import { classifier, endless } from './models.js';
import { enginesOf, isStopped } from './processes.js';
import { TestService } from './service.js';

let service: TestService;
before(async () => {
  service = await TestService.open({}, { WORKER_CONCURRENCY: '2' });
});
after(() => service.close());

test('while one engine is timed, its sibling stands still, and its clock with it', async () => {
  const { client } = service;
  const neighbour = await client.submit({ model: await client.upload(endless()), steps: [] });
  await client.until(neighbour, ({ progress }) => progress?.phase === 'scoring');
  const [pid = 0] = enginesOf(service.dataDir, neighbour);

  const evaluate = { samples: 8, latency: { runs: 10_000 } };
  const timed = await client.submit({ model: await client.upload(classifier()), steps: [], evaluate });
  await until('the neighbour stands still', () => isStopped(pid));
  const before = (await client.job(neighbour)).engine_seconds;
  const job = await client.until(timed, ({ status }) => status !== 'running' && status !== 'queued');
  assert.equal(job.status, 'succeeded', JSON.stringify(job.error));
  await until('the neighbour goes on', () => !isStopped(pid));
  await client.until(neighbour, ({ engine_seconds }) => engine_seconds > before);

  const stopped = await client.submit({ model: await client.upload(classifier(2)), steps: [], evaluate });
  await until('the neighbour stands still again', () => isStopped(pid));
  await client.cancel(neighbour);
  assert.equal((await client.done(neighbour)).status, 'cancelled', 'a stopped engine can be cancelled');
  await client.done(stopped);
});
