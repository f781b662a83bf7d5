import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { StageReport } from '../../src/contracts/report.js';
import { claimStep, finishJob, recordProgress } from '../../src/jobs/attempts.js';
import { sampleReport } from '../reports/sample-report.js';
import { linearModel } from './fixtures.js';
import { asBytes, startApi, type TestApi } from './harness.js';

const PING_MS = 100;
const RESULT = Buffer.from('a compressed model');
const STAGE: Omit<StageReport, 'sha256'> = {
  type: 'quantize',
  scheme: 'int8_dynamic',
  seconds: 1,
  peak_memory_bytes: 1,
  bytes: 10,
  notes: [],
};

let api: TestApi;
let model: string;
before(async () => {
  api = await startApi({ pingMs: PING_MS });
  const upload = api.agent().post('/v1/models').set('content-type', 'application/octet-stream').send(linearModel());
  model = (await upload).body.id;
});
after(() => api.stop());

const newJob = async () =>
  (
    await api
      .agent()
      .post('/v1/jobs')
      .send({ model, steps: [{ type: 'quantize', scheme: 'int8_dynamic' }] })
      .expect(202)
  ).body;

async function claim(job: string) {
  const claimed = await claimStep(api.services, { job, step: 0 }, 'test');
  assert.equal(claimed.outcome, 'claimed');
  return claimed.outcome === 'claimed' ? claimed.attempt : assert.fail();
}

/** Does what a worker does when the last step of a job has ended. */
async function finish(job: string) {
  const attempt = await claim(job);
  await recordProgress(api.services, attempt, { phase: 'calibration', fraction: 0.5, eta_seconds: 4, metrics: {} });
  const blobs = api.services.blobs;
  const received = await blobs.receive(
    (async function* () {
      yield RESULT;
    })(),
    { limit: 1000 },
  );
  const { sha256, bytes } = await received.keep();
  const report = sampleReport({ job: job as never });
  const summary = {
    metric: 'top1',
    original_metric: 1,
    result_metric: 1,
    metric_drop: 0,
    speedup: 1.5,
    size_ratio: 0.3,
  } as const;
  const stage = { ...STAGE, sha256 };
  const artifacts = [
    { name: 'engine.log', role: 'log', bytes, sha256 },
    { name: 'model.onnx', role: 'model', bytes, sha256 },
  ] as const;
  assert.equal(
    await finishJob(api.services, attempt, {
      engineSeconds: 1,
      stage,
      report,
      summary,
      error: null,
      artifacts: [...artifacts],
    }),
    'published',
  );
}

test('a job that succeeded has a result, a report and artifacts', async () => {
  const { id, urls } = await newJob();
  const early = await api.agent().get(urls.report).expect(409);
  assert.equal(early.body.code, 'job_not_finished');
  await finish(id);
  const { body: job } = await api.agent().get(urls.self).expect(200);
  assert.equal(job.status, 'succeeded');
  assert.equal(job.verdict, 'undecided');
  assert.equal(job.result.sha256, createHash('sha256').update(RESULT).digest('hex'));
  assert.equal(job.report_summary.speedup, 1.5);

  const json = await api.agent().get(urls.report).expect(200);
  assert.equal(json.body.object, 'report');
  const markdown = await api.agent().get(urls.report).set('accept', 'text/markdown').expect(200);
  assert.match(markdown.text, /^#/);
  const other = await api.agent().get(urls.report).set('accept', 'image/png').expect(406);
  assert.equal(other.body.code, 'not_acceptable');

  const { body: artifacts } = await api.agent().get(urls.artifacts).expect(200);
  assert.deepEqual(
    artifacts.data.map(({ role }: { role: string }) => role),
    ['model', 'log'],
  );
  const [first] = artifacts.data;
  assert.deepEqual((await api.agent().get(`/v1/artifacts/${first.id}`).expect(200)).body, first);
  await api
    .agent()
    .get(`/v1/artifacts/art_${'0'.repeat(26)}`)
    .expect(404);
  const page = await api.agent().get(`${urls.artifacts}?limit=1`).expect(200);
  assert.equal(page.body.has_more, true);
  const content = await api
    .agent()
    .get(job.result.url)
    .buffer(true)
    .parse(asBytes as never)
    .expect(200);
  assert.deepEqual(content.body, RESULT);

  const cancel = await api.agent().post(urls.cancel).expect(409);
  assert.equal(cancel.body.code, 'already_finished');
  await api.agent().delete(urls.self).expect(204);
  await api.agent().get(job.result.url).expect(404);
});

test('a job that ended without evidence has no report', async () => {
  const { urls } = await newJob();
  await api.agent().post(urls.cancel).expect(202);
  const { body } = await api.agent().get(urls.report).expect(404);
  assert.equal(body.code, 'no_report');
});

interface Sent {
  readonly id: number;
  readonly type: string;
}
/** Reads an event stream to its end, or until `enough`. */
async function readStream(
  url: string,
  headers: Record<string, string>,
  enough: (text: string) => boolean = () => false,
) {
  const leave = new AbortController();
  const response = await fetch(api.url + url, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: leave.signal,
  });
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (enough(text)) break;
  }
  leave.abort();
  const events = [...text.matchAll(/^id: (\d+)\nevent: (\S+)\ndata: (.+)$/gm)].map(([, id, type, data]): Sent => {
    assert.deepEqual([JSON.parse(data ?? '').id, JSON.parse(data ?? '').type], [Number(id), type]);
    return { id: Number(id), type: type ?? '' };
  });
  return { text, events };
}

test('events come as a page, or as they happen with exact replay, pings, and an end', async () => {
  const { id, urls } = await newJob();
  const live = readStream(urls.events, {});
  const pinged = await readStream(urls.events, {}, (text) => /id: 1[\s\S]*: ping/.test(text));
  assert.deepEqual(pinged.events, [{ id: 1, type: 'job.queued' }]);
  await finish(id);
  const expected = ['job.queued', 'job.started', 'job.progress', 'job.succeeded'].map((type, index) => ({
    id: index + 1,
    type,
  }));
  assert.deepEqual((await live).events, expected);
  assert.deepEqual((await readStream(urls.events, { 'last-event-id': '2' })).events, expected.slice(2));
  assert.deepEqual((await readStream(urls.events, { 'last-event-id': '99' })).events, []);

  const page = await api.agent().get(`${urls.events}?limit=2`).expect(200);
  assert.deepEqual(
    page.body.data.map(({ id, type }: Sent) => ({ id, type })),
    expected.slice(0, 2),
  );
  assert.equal(page.body.next_cursor, '2');
  const rest = await api.agent().get(`${urls.events}?after=2`).expect(200);
  assert.deepEqual(
    rest.body.data.map(({ id }: Sent) => id),
    [3, 4],
  );
  assert.equal(rest.body.has_more, false);
  for (const bad of ['?after=x', '?after=-1', '?limit=0']) await api.agent().get(`${urls.events}${bad}`).expect(422);
  await api.agent().get(urls.events).set({ accept: 'text/event-stream', 'last-event-id': 'x' }).expect(422);
});

test('the stream of a job that is not there is 404, not a broken stream', async () => {
  await api
    .agent()
    .get(`/v1/jobs/job_${'0'.repeat(26)}/events`)
    .set('accept', 'text/event-stream')
    .expect(404);
});

test('a server that closes ends the streams that are open', { timeout: 60_000 }, async () => {
  const other = await startApi();
  const upload = other.agent().post('/v1/models').set('content-type', 'application/octet-stream').send(linearModel());
  const { body } = await other
    .agent()
    .post('/v1/jobs')
    .send({ model: (await upload).body.id, steps: [] });
  const response = await fetch(other.url + body.urls.events, { headers: { accept: 'text/event-stream' } });
  const [text] = await Promise.all([response.text(), other.stop()]);
  assert.match(text, /job\.queued/);
});
