import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { HttpClient, JobView } from './http-client.js';

const TERMINAL_EVENTS = new Set(['job.succeeded', 'job.failed', 'job.cancelled']);

/** What must be true of every job that has ended, whatever was killed while it ran. Gives the hash of its model. */
export async function assertWhole(client: HttpClient, job: JobView): Promise<string> {
  const about = `${job.id} (${JSON.stringify(job.error)})`;
  assert.equal(job.status, 'succeeded', about);

  const events = await client.events(job.id);
  const ids = events.map(({ id }) => id);
  assert.deepEqual(
    ids,
    ids.map((_, index) => index + 1),
    `${about}: events without gaps`,
  );
  const terminal = events.filter(({ type }) => TERMINAL_EVENTS.has(type));
  assert.equal(terminal.length, 1, `${about}: one terminal event`);
  assert.equal(events.at(-1), terminal[0], `${about}: nothing after the terminal event`);

  const artifacts = await client.artifacts(job.id);
  const models = artifacts.filter(({ role }) => role === 'model');
  assert.equal(models.length, 1, `${about}: one result`);
  assert.equal(artifacts[0], models[0], `${about}: the result is listed first`);
  const stages = artifacts.filter(({ role }) => role === 'stage').length;
  assert.equal(stages, job.steps.length - 1, `${about}: one model of each step before the last`);
  for (const { urls, sha256 } of artifacts) {
    const content = await client.content(urls.content);
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256, `${about}: contents are what they say`);
  }
  return models[0]?.sha256 ?? '';
}
