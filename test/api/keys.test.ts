import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_KEY, linearModel } from './fixtures.js';
import { startApi, type TestApi } from './harness.js';

const RATE = 12;
let api: TestApi;
before(async () => {
  api = await startApi({ adminKey: ADMIN_KEY, rateLimitRequests: 1000 });
});
after(() => api.stop());

const admin = () => api.agent(ADMIN_KEY);
const makeKey = async (body: object): Promise<{ id: string; secret: string }> =>
  (
    await admin()
      .post('/v1/keys')
      .send({ name: 'test', ...body })
      .expect(201)
  ).body;

test('a key is shown once, listed without its secret, works, and ends at once', async () => {
  const created = await admin().post('/v1/keys').send({ name: 'ci', tenant: 'acme' }).expect(201);
  const { id, secret, prefix } = created.body;
  assert.match(secret, /^mp_[0-9a-z]{8}_[A-Za-z0-9_-]{43}$/);
  assert.ok(secret.startsWith(prefix));
  assert.deepEqual(created.body.scopes, ['read', 'write']);
  await api.agent(secret).get('/v1/models').expect(200);
  const { text } = await admin().get('/v1/keys').expect(200);
  assert.ok(text.includes(id) && !text.includes(secret));
  await admin().delete(`/v1/keys/${id}`).expect(204);
  const { body, headers } = await api.agent(secret).get('/v1/models').expect(401);
  assert.equal(body.code, 'unauthorized');
  assert.match(headers['www-authenticate'] ?? '', /^Bearer/);
  await admin().delete(`/v1/keys/${id}`).expect(404);
});

test('the first key of a service without any can make others, and is refused where it could not', async () => {
  const keyless = await startApi();
  try {
    const post = (agent: ReturnType<typeof keyless.agent>, body: object) => agent.post('/v1/keys').send(body);
    const { body: problem } = await post(keyless.agent(), { name: 'x', scopes: ['read', 'write'] }).expect(422);
    assert.deepEqual([problem.code, problem.errors[0].pointer], ['invalid_request', '/scopes']);
    assert.match(problem.detail, /"admin"/);
    await keyless.agent().get('/v1/models').expect(200);
    const { body: first } = await post(keyless.agent(), { name: 'x' }).expect(201);
    assert.deepEqual(first.scopes, ['read', 'write', 'admin']);
    await keyless.agent().get('/v1/models').expect(401);
    const holder = keyless.agent(first.secret);
    const { body: second } = await post(holder, { name: 'y' }).expect(201);
    assert.deepEqual(second.scopes, ['read', 'write']);
    assert.equal((await holder.get('/v1/keys').expect(200)).body.data.length, 2);
    await holder.delete(`/v1/keys/${second.id}`).expect(204);
  } finally {
    await keyless.stop();
  }
});

test('an event stream ends when its key is removed', async () => {
  const listening = await startApi({ adminKey: ADMIN_KEY, pingMs: 20 });
  try {
    const asAdmin = listening.agent(ADMIN_KEY);
    const { body: key } = await asAdmin.post('/v1/keys').send({ name: 'x', tenant: 'listener' }).expect(201);
    const listener = listening.agent(key.secret);
    const upload = listener.post('/v1/models').set('content-type', 'application/octet-stream');
    const { body: model } = await upload.send(linearModel()).expect(201);
    const { body: job } = await listener.post('/v1/jobs').send({ model: model.id, steps: [] }).expect(202);
    const stream = await fetch(listening.url + job.urls.events, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${key.secret}` },
    });
    assert.equal(stream.status, 200);
    await asAdmin.delete(`/v1/keys/${key.id}`).expect(204);
    // Nobody works on the job: only the key's removal can end it.
    assert.match(await stream.text(), /job\.queued/);
  } finally {
    await listening.stop();
  }
});

test('a tenant with full storage may read and delete, and upload again afterwards; others may upload', async () => {
  const small = await startApi({ adminKey: ADMIN_KEY, tenantStorageBytes: linearModel().length });
  try {
    const asAdmin = small.agent(ADMIN_KEY);
    const { body: key } = await asAdmin.post('/v1/keys').send({ name: 'x', tenant: 'collector' }).expect(201);
    const upload = (agent: ReturnType<typeof small.agent>, seed: number, path = '/v1/models') =>
      agent.post(path).set('content-type', 'application/octet-stream').send(linearModel(seed));
    const collector = small.agent(key.secret);
    const { body: model } = await upload(collector, 1).expect(201);
    for (const path of ['/v1/models', '/v1/datasets']) {
      const { body } = await upload(collector, 2, path).expect(507);
      assert.equal(body.code, 'storage_quota_exceeded');
    }
    await upload(asAdmin, 2).expect(201);
    await collector.get(model.urls.self).expect(200);
    await collector.delete(model.urls.self).expect(204);
    await upload(collector, 2).expect(201);
  } finally {
    await small.stop();
  }
});

test('a repeated request for a key makes one key and does not show its secret again', async () => {
  const post = () => admin().post('/v1/keys').set('idempotency-key', 'one').send({ name: 'once' });
  const first = await post().expect(201);
  const again = await post().expect(201);
  assert.equal(again.body.id, first.body.id);
  assert.equal(again.body.secret, null);
  const { rows } = await api.services.database.pool.query<{ text: string }>(
    'SELECT response::text AS text FROM idempotency_keys',
  );
  assert.ok(rows.every(({ text }) => !text.includes(first.body.secret)));
});

for (const authorization of [
  '',
  'Bearer',
  'Bearer x',
  'Basic YTpi',
  `Bearer ${ADMIN_KEY}x`,
  `Bearer mp_00000000_${'A'.repeat(43)}`,
]) {
  test(`"${authorization}" is 401`, async () => {
    const { body } = await api.agent().get('/v1/models').set('authorization', authorization).expect(401);
    assert.equal(body.code, 'unauthorized');
  });
}

test('a scope is needed for what it is for', async () => {
  const [read, write] = await Promise.all([makeKey({ scopes: ['read'] }), makeKey({ scopes: ['write'] })]);
  await api.agent(read.secret).get('/v1/models').expect(200);
  const post = api
    .agent(read.secret)
    .post('/v1/models')
    .set('content-type', 'application/octet-stream')
    .send(linearModel());
  assert.equal((await post.expect(403)).body.code, 'forbidden');
  await api.agent(write.secret).get('/v1/models').expect(403);
  for (const { secret } of [read, write]) {
    await api.agent(secret).get('/v1/keys').expect(403);
    await api
      .agent(secret)
      .post('/v1/keys')
      .send({ name: 'more', scopes: ['admin'] })
      .expect(403);
  }
});

test('probes and documents need no key; metrics do', async () => {
  for (const path of ['/livez', '/readyz', '/openapi.json', '/docs']) await api.agent().get(path).expect(200);
  await api.agent().get('/metrics').expect(401);
});

test("another tenant's objects do not exist", async () => {
  const [ours, theirs] = await Promise.all([makeKey({ tenant: 'ours' }), makeKey({ tenant: 'theirs' })]);
  const we = api.agent(ours.secret);
  const they = api.agent(theirs.secret);
  const bytes = 'application/octet-stream';
  const { body: model } = await we.post('/v1/models').set('content-type', bytes).send(linearModel()).expect(201);
  const { body: job } = await we.post('/v1/jobs').send({ model: model.id, steps: [] }).expect(202);
  for (const path of [
    model.urls.self,
    model.urls.content,
    ...Object.values<string>(job.urls).filter((url) => !url.endsWith('/cancel')),
  ]) {
    await we.get(path).expect((answer) => assert.ok([200, 409].includes(answer.status)));
    const { body } = await they.get(path).expect(404);
    assert.equal(body.code, 'not_found');
  }
  await they.delete(model.urls.self).expect(404);
  await they.delete(job.urls.self).expect(404);
  await they.post(job.urls.cancel).expect(404);
  await they.post(`${job.urls.self}/retry`).expect(404);
  await they.post('/v1/jobs').send({ model: model.id, steps: [] }).expect(404);
  for (const list of ['/v1/models', '/v1/jobs']) assert.deepEqual((await they.get(list).expect(200)).body.data, []);
  // The same bytes are another object of the other tenant.
  const { body: own } = await they.post('/v1/models').set('content-type', bytes).send(linearModel()).expect(201);
  assert.notEqual(own.id, model.id);
});

test('a tenant that asks too often is told when to go on; others are not held up', async () => {
  const limited = await startApi({ adminKey: ADMIN_KEY, rateLimitRequests: RATE });
  try {
    const { body } = await limited.agent(ADMIN_KEY).post('/v1/keys').send({ name: 'x', tenant: 'busy' }).expect(201);
    const busy = limited.agent(body.secret);
    for (let i = 0; i < RATE; i++) {
      const { headers } = await busy.get('/v1/models').expect(200);
      assert.match(headers.ratelimit ?? '', new RegExp(`^"default";r=${RATE - 1 - i};t=\\d+$`));
      assert.equal(headers['ratelimit-policy'], `"default";q=${RATE};w=60`);
    }
    const refused = await busy.get('/v1/models').expect(429);
    assert.equal(refused.body.code, 'rate_limited');
    assert.ok(Number(refused.headers['retry-after']) > 0);
    await limited.agent(ADMIN_KEY).get('/v1/models').expect(200);
  } finally {
    await limited.stop();
  }
});
