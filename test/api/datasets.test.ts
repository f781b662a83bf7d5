import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Response } from 'supertest';
import { floats } from '../../src/onnx/ir/tensor.js';
import { linearSamples, npy, npz } from './fixtures.js';
import { asBytes, startApi, type TestApi } from './harness.js';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

const upload = (content: Buffer, path = '/v1/datasets') =>
  api.agent().post(path).set('content-type', 'application/octet-stream').send(content);
const withManifest = (content: Buffer, manifest: unknown) =>
  api.agent().post('/v1/datasets').field('manifest', JSON.stringify(manifest)).attach('data', content, 'd.npz');

test('a dataset is uploaded raw, inspected, found again by its bytes, downloaded and deleted', async () => {
  const content = await linearSamples(10);
  const created = await upload(content, '/v1/datasets?name=ten').expect(201);
  assert.deepEqual(
    created.body.inspection.arrays.map(({ name, dtype, shape }: Record<string, unknown>) => [name, dtype, shape]),
    [
      ['x', 'float32', [10, 4]],
      ['labels', 'int64', [10]],
    ],
  );
  assert.equal(created.body.inspection.samples, 10);
  const again = await upload(content).expect(200);
  assert.equal(again.body.id, created.body.id);
  const { urls } = created.body;
  const download = await api
    .agent()
    .get(urls.content)
    .buffer(true)
    .parse(asBytes as never)
    .expect(200);
  assert.deepEqual(download.body, content);
  assert.match(download.headers['content-disposition'] ?? '', /ten\.npz/);
  await api.agent().get(urls.self).expect(200);
  await api.agent().delete(urls.self).expect(204);
  await api.agent().get(urls.self).expect(404);
  await api.agent().get('/v1/datasets').expect(200);
});

test('an npy file is known by its content', async () => {
  const created = await upload(npy(floats([1, 2, 3, 4], [2, 2]))).expect(201);
  assert.equal(created.body.inspection.format, 'npy');
});

test('a manifest may be a field or a file, before or after the data; another manifest makes another dataset', async () => {
  const content = await linearSamples(12);
  const manifest = { arrays: { x: { scale: 2 } }, splits: { evaluation: [0, 6] } };
  const first = await withManifest(content, manifest).expect(201);
  assert.equal(first.body.manifest.arrays.x.scale, 2);
  assert.equal(first.body.manifest.arrays.x.offset, 0);
  const file = Buffer.from(JSON.stringify(manifest));
  const second = await api
    .agent()
    .post('/v1/datasets')
    .attach('data', content, 'd.npz')
    .attach('manifest', file, { filename: 'm.json', contentType: 'application/json' })
    .expect(200);
  assert.equal(second.body.id, first.body.id);
  const other = await withManifest(content, { arrays: { x: { scale: 3 } } }).expect(201);
  assert.notEqual(other.body.id, first.body.id);
});

const REFUSED: readonly (readonly [string, () => PromiseLike<Response>, number, string, string?])[] = [
  ['a text', () => upload(Buffer.from('hello')), 422, 'not_a_dataset'],
  ['a pickle', () => upload(Buffer.from('\x80\x04\x95pickle', 'latin1')), 422, 'unsafe_dataset'],
  [
    'pickled objects',
    async () => upload(await npz({ x: npy({ dtype: 'uint8', dims: [1], bytes: new Uint8Array(8) }, '|O') })),
    422,
    'unsafe_dataset',
  ],
  [
    'an unknown element type',
    async () => upload(await npz({ x: npy({ dtype: 'uint8', dims: [1], bytes: new Uint8Array(16) }, '<c16') })),
    422,
    'unsupported_dtype',
  ],
  [
    'a zip bomb',
    async () => upload(await npz({ x: npy(floats(new Float32Array(32 * 2 ** 20), [32 * 2 ** 20])) })),
    422,
    'dataset_limit_exceeded',
  ],
  ['half an archive', async () => upload((await linearSamples()).subarray(0, 200)), 422, 'corrupt_dataset'],
  [
    'a manifest that is no JSON',
    async () =>
      api
        .agent()
        .post('/v1/datasets')
        .field('manifest', '{')
        .attach('data', await linearSamples(), 'd.npz'),
    400,
    'malformed_json',
  ],
  [
    'a misspelt manifest',
    async () => withManifest(await linearSamples(), { labls: 'labels' }),
    422,
    'invalid_request',
    '/manifest/labls',
  ],
  [
    'a manifest for another file',
    async () => withManifest(await linearSamples(), { arrays: { z: {} } }),
    422,
    'invalid_request',
    '/manifest/arrays/z',
  ],
  [
    'a split beyond the samples',
    async () => withManifest(await linearSamples(5), { splits: { evaluation: [0, 6] } }),
    422,
    'invalid_request',
    '/manifest/splits/evaluation',
  ],
  [
    'a form without data',
    () => api.agent().post('/v1/datasets').field('manifest', '{}'),
    422,
    'invalid_request',
    '/data',
  ],
  ['a form with another part', () => api.agent().post('/v1/datasets').field('x', '1'), 422, 'invalid_request', '/x'],
];
for (const [name, send, status, code, pointer] of REFUSED) {
  test(`an upload of ${name} is ${status} ${code} and leaves nothing behind`, { timeout: 60_000 }, async () => {
    const { status: answered, body } = await send();
    assert.deepEqual([answered, body.code], [status, code], body.detail);
    if (pointer !== undefined) assert.equal(body.errors[0].pointer, pointer);
    assert.deepEqual(await api.temporaryFiles(), []);
  });
}
