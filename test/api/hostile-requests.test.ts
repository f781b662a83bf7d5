import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { SAFETY_POLL_MS } from '../../src/jobs/signals.js';
import { floats } from '../../src/onnx/ir/tensor.js';
import { linearModel, linearSamples, npy, npz } from './fixtures.js';
import { startApi, type TestApi } from './harness.js';

let api: TestApi;
let model: string;
let job: string;
const bytes = 'application/octet-stream';
before(async () => {
  api = await startApi();
  model = (await api.agent().post('/v1/models').set('content-type', bytes).send(linearModel()).expect(201)).body.id;
  job = (await post('/v1/jobs', JSON.stringify({ model, steps: [] })).expect(202)).body.id;
});
after(() => api.stop());

const get = (url: string) => api.agent().get(url);
const post = (url: string, json: string) => api.agent().post(url).set('content-type', 'application/json').send(json);
const upload = (url: string, content: Buffer) => api.agent().post(url).set('content-type', bytes).send(content);
const form = (url: string) => api.agent().post(url);
const withMetadata = (text: string) => post('/v1/jobs', `{"model":"${model}","steps":[],"metadata":${text}}`);
/** A form that is written by hand: the model, and one more part with this disposition. */
const withPart = (disposition: string) =>
  api
    .agent()
    .post('/v1/models')
    .set('content-type', 'multipart/form-data; boundary=b')
    .send(
      Buffer.concat([
        Buffer.from('--b\r\nContent-Disposition: form-data; name="model"; filename="m"\r\n\r\n'),
        linearModel(20),
        Buffer.from(
          `\r\n--b\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: ${bytes}\r\n\r\nabc\r\n--b--\r\n`,
        ),
      ]),
    );

/** What no record can hold, or no column of one: each is the sender's mistake, at a place that it learns. */
const REFUSED: readonly (readonly [string, () => ReturnType<typeof get>, string])[] = [
  ['NUL in a query', () => upload('/v1/models?name=%00', linearModel(21)), '/name'],
  ['NUL in a cursor', () => get('/v1/models?after=%00'), '/after'],
  ['NUL in a body', () => withMetadata('{"a":"\\u0000"}'), '/metadata/a'],
  ['NUL in a key of a body', () => withMetadata('{"\\u0000":"a"}'), '/metadata'],
  ['half a surrogate pair in a body', () => withMetadata('{"a":"\\ud800"}'), '/metadata/a'],
  ['NUL deep in a body', () => post('/v1/jobs', `${'['.repeat(9)}"\\u0000"${']'.repeat(9)}`), '/0'.repeat(9)],
  [
    'NUL in a field of a form',
    () => form('/v1/models').field('name', '\0').attach('model', linearModel(22), 'm'),
    '/name',
  ],
  [
    'NUL in a manifest',
    () => form('/v1/datasets').field('manifest', '{"labels":"\\u0000"}').attach('data', Buffer.from('x'), 'x'),
    '/manifest/labels',
  ],
  ['NUL in a file name', () => withPart('name="external_data"; filename*=UTF-8\'\'a%00b'), '/external_data'],
  ['external data without a name', () => withPart('name="external_data"'), '/external_data'],
  [
    'external data that the model does not name',
    () => withPart('name="external_data"; filename="w"'),
    '/external_data',
  ],
  [
    'a thousand metadata',
    () => withMetadata(JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [i, ''])))),
    '/metadata',
  ],
  ['an event beyond 32 bits', () => get(`/v1/jobs/${job}/events?after=2147483648`), '/after'],
  ['the year 0', () => get('/v1/jobs?created_after=0000-01-01T00:00:00.000Z'), '/created_after'],
];
for (const [name, send, pointer] of REFUSED) {
  test(`${name} is 422 at ${pointer}`, async () => {
    const { body } = await send().expect(422);
    assert.equal(body.code, 'invalid_request');
    assert.equal(body.errors[0].pointer, pointer);
  });
}

test('an Idempotency-Key counts per path, whatever the query', async () => {
  const query = Array.from({ length: 6000 }, (_, i) => ((i * 7919) % 36).toString(36)).join('');
  const first = await post(`/v1/jobs/${job}/cancel?${query}`, '').set('idempotency-key', 'k').expect(202);
  const again = await post(`/v1/jobs/${job}/cancel`, '').set('idempotency-key', 'k').expect(202);
  assert.equal(again.headers['idempotency-replayed'], 'true');
  assert.deepEqual(again.body, first.body);
});

for (const name of ['constructor', 'toString', '__proto__']) {
  test(`an array called ${name} is an array like any other`, async () => {
    const content = await npz({ [name]: npy(floats(new Float32Array(160), [40, 4])) });
    const { body } = await upload('/v1/datasets', content).expect(201);
    const spec = JSON.stringify({ model, dataset: body.id, steps: [] });
    await post('/v1/jobs?dry_run=true', spec).expect(200);
  });
}

test('a manifest of very many arrays is refused in few words', async () => {
  const arrays = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`array-${i}`, {}]));
  const answer = await form('/v1/datasets')
    .field('manifest', JSON.stringify({ arrays }))
    .attach('data', await linearSamples(), 'x')
    .expect(422);
  assert.ok(answer.text.length < 2000);
});

/** Asks for an event stream and hangs up at once. */
const hasty = () =>
  new Promise<void>((resolve) => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1', () => {
      const request = `GET /v1/jobs/${job}/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;
      socket.write(request, () => socket.destroy());
    });
    socket.once('close', () => resolve());
    socket.once('error', () => {});
  });

test('clients that hang up before their event stream begins take nobody its place', { timeout: 60_000 }, async () => {
  const open = (await post('/v1/jobs', JSON.stringify({ model, steps: [] })).expect(202)).body;
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 90 }, hasty));
    // Every request that arrived before this one has been looked at by then.
    await get('/v1/models').expect(200);
  }
  const deadline = Date.now() + SAFETY_POLL_MS;
  let status = 0;
  while (status !== 200 && Date.now() < deadline) {
    const leave = new AbortController();
    const headers = { accept: 'text/event-stream' };
    status = (await fetch(api.url + open.urls.events, { headers, signal: leave.signal })).status;
    leave.abort();
  }
  assert.equal(status, 200);
});
