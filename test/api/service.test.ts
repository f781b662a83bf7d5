import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { after, before, test } from 'node:test';
import { buildApp } from '../../src/api/app.js';
import { renderOpenapiYaml } from '../../src/api/openapi-yaml.js';
import { serve } from '../../src/api/serve.js';
import { readConfig } from '../../src/platform/config.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { ADMIN_KEY } from './fixtures.js';
import { startApi, type TestApi } from './harness.js';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

test('openapi.yaml is what the routes are (npm run openapi writes it)', async () => {
  assert.equal(readFileSync('openapi.yaml', 'utf8'), await renderOpenapiYaml());
});

test('every route of the contract is in the document, each with a name of its own', async () => {
  const { body } = await api.agent().get('/openapi.json').expect(200);
  const operations = Object.entries<Record<string, { operationId: string }>>(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => ({
      call: `${method.toUpperCase()} ${path}`,
      operationId,
    })),
  );
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
  for (const call of CALLS)
    assert.ok(
      operations.some((operation) => operation.call === call),
      call,
    );
});
const CALLS = [
  ...['models', 'datasets'].flatMap((kind) => [
    `POST /v1/${kind}`,
    `GET /v1/${kind}`,
    `GET /v1/${kind}/{id}`,
    `DELETE /v1/${kind}/{id}`,
    `GET /v1/${kind}/{id}/content`,
  ]),
  ...[
    'POST /v1/jobs',
    'GET /v1/jobs',
    'GET /v1/jobs/{id}',
    'DELETE /v1/jobs/{id}',
    'POST /v1/jobs/{id}/cancel',
    'POST /v1/jobs/{id}/retry',
  ],
  ...[
    'GET /v1/jobs/{id}/events',
    'GET /v1/jobs/{id}/report',
    'GET /v1/jobs/{id}/artifacts',
    'GET /v1/artifacts/{id}/content',
  ],
  ...[
    'GET /v1/capabilities',
    'POST /v1/keys',
    'GET /v1/keys',
    'DELETE /v1/keys/{id}',
    'GET /livez',
    'GET /readyz',
    'GET /metrics',
  ],
];

test('the service says how it is, what it can do and what it has done', async () => {
  await api.agent().get('/livez').expect(200);
  const ready = await api.agent().get('/readyz').expect(200);
  assert.deepEqual(ready.body.parts, { database: 'ready', queue: 'ready', blobs: 'ready' });
  const { body } = await api.agent().get('/v1/capabilities').expect(200);
  assert.ok(body.schemes.includes('int8_static'));
  assert.deepEqual([...Object.keys(body.quantizable_operators), 'auto'], body.schemes);
  assert.deepEqual(body.cpu.instruction_sets, cpuFacts().instructionSets);
  assert.match(body.versions.onnxruntime, /^\d/);
  const metrics = await api.agent().get('/metrics').expect(200);
  assert.match(
    metrics.text,
    /modelpress_http_request_duration_seconds_count\{method="GET",route="\/v1\/capabilities",status="200"\} 1/,
  );
  assert.match(metrics.text, /modelpress_queue_steps\{queue="quantize",state="waiting"\} 0/);
  await api.agent().get('/docs').expect(200);
});

test('errors of the router are problems too', async () => {
  const lost = await api.agent().get('/v2/models').expect(404);
  assert.equal(lost.body.code, 'not_found');
  const wrong = await api.agent().put('/v1/models').expect(405);
  assert.equal(wrong.body.code, 'method_not_allowed');
  assert.equal(wrong.headers.allow, 'GET, HEAD, POST');
  const nested = await api.agent().post('/v1/jobs/job_x/report').expect(405);
  assert.equal(nested.headers.allow, 'GET, HEAD');
  const broken = await api.agent().get('/v1/models/%E0%A4%A').expect(400);
  assert.equal(broken.body.code, 'malformed_request');
});

for (const [given, kept] of [
  ['abc-123_X', true],
  ['a'.repeat(64), true],
  ['a'.repeat(65), false],
  ['no spaces', false],
  ['<script>', false],
] as const) {
  test(`the request id ${JSON.stringify(given.slice(0, 20))} is ${kept ? 'kept' : 'replaced'}`, async () => {
    const { headers, body } = await api.agent().get('/nowhere').set('x-request-id', given).expect(404);
    assert.equal(headers['x-request-id'] === given, kept);
    assert.equal(body.request_id, headers['x-request-id']);
  });
}

test('every answer carries the security headers', async () => {
  for (const path of ['/v1/models', '/nowhere']) {
    const { headers } = await api.agent().get(path);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(headers['content-security-policy'] ?? '', /default-src 'none'/);
  }
});

test('without keys, only this machine is answered', async () => {
  for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }] as const) {
    for (const path of ['/v1/models', '/readyz', '/openapi.json', '/docs']) {
      const status = await new Promise((resolve, reject) => {
        httpRequest(api.url + path, { headers }, (answer) => resolve(answer.resume().statusCode))
          .on('error', reject)
          .end();
      });
      assert.equal(status, 403, `${JSON.stringify(headers)} ${path}`);
    }
  }
});

test('without keys, the service refuses to listen where others could reach it', async () => {
  const config = readConfig({ HOST: '0.0.0.0', PORT: '0' });
  await assert.rejects(serve(api.services, config, api.services.logger), /loopback only/);
  const withKey = await serve(api.services, readConfig({ HOST: '0.0.0.0', PORT: '0', ADMIN_KEY }), api.services.logger);
  await withKey.close();
});

test('the root leads to the documentation', async () => {
  const { headers } = await api.agent().get('/').expect(302);
  await api
    .agent()
    .get(headers.location ?? '')
    .expect(200);
});

test('the first key ends the time without keys, for every process', async () => {
  const { services } = api;
  const other = await buildApp({ services, config: { adminKey: undefined }, logger: services.logger });
  const local = () => other.inject({ url: '/v1/models', headers: { host: 'localhost' } });
  assert.equal((await local()).statusCode, 200);
  const { body } = await api
    .agent()
    .post('/v1/keys')
    .send({ name: 'first', scopes: ['read', 'write', 'admin'] })
    .expect(201);
  await api.agent().get('/v1/models').expect(401);
  await api.agent(body.secret).get('/v1/models').expect(200);
  const deadline = Date.now() + 10_000;
  while ((await local()).statusCode !== 401)
    assert.ok(Date.now() < deadline, 'the other process still believes that there is no key');
  // The last key's end opens nothing.
  await api.agent(body.secret).delete(`/v1/keys/${body.id}`).expect(204);
  await api.agent().get('/v1/models').expect(401);
  await other.close();
});

test('a route without a declared scope is refused when it is made', async () => {
  const app = await buildApp({ services: api.services, config: { adminKey: undefined }, logger: api.services.logger });
  assert.throws(() => app.get('/v1/open', async () => 'oops'), /declares no scope/);
  await app.close();
});
