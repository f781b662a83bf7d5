import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { after, before, test } from 'node:test';
import { newId } from '../../src/platform/ids.js';
import { MAX_UPLOAD_BYTES } from '../../src/security/limits.js';
import { until } from '../jobs/until.js';
import { externalModel, linearModel } from './fixtures.js';
import { asBytes, startApi, type TestApi } from './harness.js';

let api: TestApi;
before(async () => {
  // A second instead of half a minute, so that a slow upload is noticed within the test.
  api = await startApi({ bodyWindowMs: 1000 });
});
after(() => api.stop());

const upload = (content: Buffer, path = '/v1/models', type = 'application/octet-stream') =>
  api.agent().post(path).set('content-type', type).send(content);

test('a model is uploaded raw, inspected, found again by its bytes, listed, downloaded and deleted', async () => {
  const content = linearModel(1);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const created = await upload(content, '/v1/models?name=linear').expect(201);
  const { id, urls } = created.body;
  assert.equal(created.headers.location, urls.self);
  assert.equal(created.body.name, 'linear');
  assert.equal(created.body.sha256, sha256);
  assert.equal(created.body.deduplicated, false);
  assert.deepEqual(created.body.inspection.inputs, [{ name: 'x', dtype: 'float32', shape: ['N', 4] }]);
  assert.deepEqual(created.body.inspection.operators, { Gemm: 1 });

  const again = await upload(content, '/v1/models', 'image/png').expect(200);
  assert.equal(again.body.deduplicated, true);
  assert.equal(again.body.id, id);

  const list = await api.agent().get('/v1/models').expect(200);
  assert.ok(list.body.data.some((model: { id: string }) => model.id === id));
  const got = await api.agent().get(urls.self).expect(200);
  assert.equal(got.body.deduplicated, undefined);

  const download = await api
    .agent()
    .get(urls.content)
    .buffer(true)
    .parse(asBytes as never)
    .expect(200);
  assert.deepEqual(download.body, content);
  await api.agent().delete(urls.self).expect(204);
  await api.agent().get(urls.self).expect(404);
  await api.agent().get(urls.content).expect(404);
});

test('content answers HEAD, ranges, ETags and says what it is', async () => {
  const content = linearModel(2);
  const { body } = await upload(content, '/v1/models?name=two.onnx').expect(201);
  const url = body.urls.content;
  const etag = `"sha256:${body.sha256}"`;
  const head = await api.agent().head(url).expect(200);
  assert.equal(head.headers['content-length'], String(content.length));
  assert.equal(head.headers.etag, etag);
  assert.equal(head.headers['accept-ranges'], 'bytes');
  assert.equal(head.headers['content-disposition'], `attachment; filename="two.onnx"; filename*=UTF-8''two.onnx`);
  assert.equal(head.headers['x-content-type-options'], 'nosniff');
  assert.match(head.headers['cache-control'] ?? '', /immutable/);
  assert.equal(head.headers['repr-digest'], `sha-256=:${Buffer.from(body.sha256, 'hex').toString('base64')}:`);

  const ranged = (headers: Record<string, string>) =>
    api
      .agent()
      .get(url)
      .set(headers)
      .buffer(true)
      .parse(asBytes as never);
  const part = await ranged({ range: 'bytes=3-9' }).expect(206);
  assert.deepEqual(part.body, content.subarray(3, 10));
  assert.equal(part.headers['content-range'], `bytes 3-9/${content.length}`);
  const rest = await ranged({ range: 'bytes=-5', 'if-range': etag }).expect(206);
  assert.deepEqual(rest.body, content.subarray(-5));
  const changed = await ranged({ range: 'bytes=0-1', 'if-range': '"other"' }).expect(200);
  assert.deepEqual(changed.body, content);
  await api.agent().get(url).set('if-none-match', etag).expect(304);
  const beyond = await api.agent().get(url).set('range', 'bytes=100000-').expect(416);
  assert.equal(beyond.headers['content-range'], `bytes */${content.length}`);
  assert.equal(beyond.body.code, 'range_not_satisfiable');
});

test('external data comes with the model in a form, in any order; its name is a key and never a path', async () => {
  const { model, weights } = externalModel('weights/w0.bin');
  const created = await api
    .agent()
    .post('/v1/models')
    .attach('external_data[]', weights, { filepath: 'weights/w0.bin' } as never)
    .field('name', 'external')
    .attach('model', model, 'any.onnx')
    .expect(201);
  assert.equal(created.body.name, 'external');
  assert.deepEqual(created.body.inspection.external_data, ['weights/w0.bin']);
  assert.equal(created.body.bytes, model.length + weights.length);
  const again = await api
    .agent()
    .post('/v1/models')
    .attach('model', model, 'm')
    .attach('external_data', weights, { filepath: 'weights/w0.bin' } as never)
    .expect(200);
  assert.equal(again.body.id, created.body.id);
});

/** What is sent, and the status and code that it gets. */
const REFUSED: readonly (readonly [string, () => ReturnType<typeof upload>, number, string])[] = [
  ['nothing', () => upload(Buffer.alloc(0)), 422, 'not_onnx'],
  ['a text', () => upload(Buffer.from('hello, this is no model')), 422, 'not_onnx'],
  ['a truncated model', () => upload(linearModel(3).subarray(0, 60)), 422, 'truncated_model'],
  ['a custom domain', () => upload(linearModel(3, 'com.evil')), 422, 'unsupported_domain'],
  [
    'an unknown operator',
    () => upload(Buffer.from(linearModel(3).toString('latin1').replaceAll('Gemm', 'Gemn'), 'latin1')),
    422,
    'unknown_operator',
  ],
  ['external data outside', () => upload(externalModel('../../etc/passwd').model), 422, 'unsafe_external_data'],
  ['external data at an absolute path', () => upload(externalModel('/etc/passwd').model), 422, 'unsafe_external_data'],
  ['external data that is not there', () => upload(externalModel('w0.bin').model), 422, 'missing_external_data'],
  [
    'JSON',
    () =>
      api
        .agent()
        .post('/v1/models')
        .send({ model: 1 } as never),
    415,
    'unsupported_media_type',
  ],
  ['a form without a model', () => api.agent().post('/v1/models').field('name', 'x'), 422, 'invalid_request'],
  [
    'a form with an unknown file',
    () => api.agent().post('/v1/models').attach('modle', linearModel(4), 'm'),
    422,
    'invalid_request',
  ],
  ['a form with an unknown field', () => api.agent().post('/v1/models').field('nmae', 'x'), 422, 'invalid_request'],
  [
    'a form with two models',
    () => api.agent().post('/v1/models').attach('model', linearModel(4), 'm').attach('model', linearModel(5), 'm'),
    422,
    'invalid_request',
  ],
  [
    'a form without a boundary',
    () => upload(linearModel(4), '/v1/models', 'multipart/form-data'),
    400,
    'malformed_request',
  ],
  [
    'a form that ends early',
    () =>
      upload(
        Buffer.from('--b\r\nContent-Disposition: form-data; name="model"; filename="m"\r\n\r\nabc'),
        '/v1/models',
        'multipart/form-data; boundary=b',
      ),
    400,
    'malformed_request',
  ],
  ['an unknown query', () => upload(linearModel(4), '/v1/models?nmae=x'), 422, 'invalid_request'],
  [
    'another digest',
    () => upload(linearModel(4)).set('content-digest', `sha-256=:${Buffer.alloc(32).toString('base64')}:`),
    422,
    'digest_mismatch',
  ],
];
for (const [name, send, status, code] of REFUSED) {
  test(`an upload of ${name} is ${status} ${code} and leaves nothing behind`, async () => {
    const { body } = await send().expect(status);
    assert.equal(body.code, code);
    assert.ok(!/zod|fastify|busboy|node_modules|\n/i.test(body.detail), body.detail);
    assert.deepEqual(await api.temporaryFiles(), []);
  });
}

test('the right digest is accepted', async () => {
  const content = linearModel(6);
  const digest = createHash('sha256').update(content).digest('base64');
  await upload(content).set('content-digest', `sha-256=:${digest}:`).expect(201);
});

/** A request whose body the test writes itself. */
function rawUpload(headers: Record<string, string | number>) {
  const request = httpRequest(`${api.url}/v1/models`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });
  request.on('error', () => {});
  return request;
}

test('an upload that announces too much is refused before it is read', async () => {
  const request = rawUpload({ 'content-length': MAX_UPLOAD_BYTES + 1 });
  request.write('x');
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 413);
  request.destroy();
});

test('an upload that trickles is 408, and its file is removed', async () => {
  const request = rawUpload({ 'content-length': 1_000_000 });
  request.write('x');
  const [response] = await once(request, 'response');
  assert.equal(response.statusCode, 408);
  assert.deepEqual(await api.temporaryFiles(), []);
  request.destroy();
});

test('a client that goes away leaves no file behind', async () => {
  const request = rawUpload({ 'content-length': 1_000_000 });
  request.write(Buffer.alloc(100_000));
  await until('the upload has begun', async () => (await api.temporaryFiles()).length > 0);
  request.destroy();
  await until('its file is gone', async () => (await api.temporaryFiles()).length === 0);
});

test('a list is paged by a cursor, newest first, each model once', async () => {
  const ids = [];
  for (const seed of [11, 12, 13]) ids.unshift((await upload(linearModel(seed)).expect(201)).body.id);
  const first = await api.agent().get('/v1/models?limit=2').expect(200);
  assert.deepEqual(
    first.body.data.map(({ id }: { id: string }) => id),
    ids.slice(0, 2),
  );
  assert.equal(first.body.has_more, true);
  const next = await api.agent().get(`/v1/models?limit=1&after=${first.body.next_cursor}`).expect(200);
  assert.equal(next.body.data[0].id, ids[2]);
});

for (const [query, pointer] of [
  ['limit=0', '/limit'],
  ['limit=101', '/limit'],
  ['limit=x', '/limit'],
  ['foo=1', '/foo'],
] as const) {
  test(`a list with ?${query} is 422 at ${pointer}`, async () => {
    const { body } = await api.agent().get(`/v1/models?${query}`).expect(422);
    assert.equal(body.errors[0].pointer, pointer);
  });
}

test('a model that does not exist, or whose id cannot exist, is 404', async () => {
  for (const id of [newId('mdl'), 'mdl_x', newId('dst')]) {
    const { body } = await api.agent().get(`/v1/models/${id}`).expect(404);
    assert.equal(body.code, 'not_found');
    await api.agent().delete(`/v1/models/${id}`).expect(404);
  }
});
