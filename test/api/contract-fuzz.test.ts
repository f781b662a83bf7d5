import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { newId } from '../../src/platform/ids.js';
import { assertContract } from './contract.js';
import { ADMIN_KEY, linearModel, linearSamples } from './fixtures.js';
import { startApi, type TestApi } from './harness.js';

/** Seconds of fuzzing in the usual run; FUZZ_SECONDS=3600 is a night's. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 4);
const LIMIT = { interruptAfterTimeLimit: SECONDS * 1000, numRuns: Number.MAX_SAFE_INTEGER, endOnFailure: true };

const agent = new Agent({ keepAlive: true });
let api: TestApi;
let known: { model: string; dataset: string; job: string };
let stranger: string;
before(async () => {
  api = await startApi({ adminKey: ADMIN_KEY, rateLimitRequests: Number.MAX_SAFE_INTEGER });
  const owner = api.agent(ADMIN_KEY);
  const bytes = 'application/octet-stream';
  const model = (await owner.post('/v1/models').set('content-type', bytes).send(linearModel())).body.id;
  const dataset = (
    await owner
      .post('/v1/datasets')
      .set('content-type', bytes)
      .send(await linearSamples())
  ).body.id;
  const job = (await owner.post('/v1/jobs').send({ model, steps: [] })).body.id;
  known = { model, dataset, job };
  stranger = (await owner.post('/v1/keys').send({ name: 's', tenant: 'stranger', scopes: ['read', 'write', 'admin'] }))
    .body.secret;
});
after(async () => {
  agent.destroy();
  await api.stop();
});

const kinds = ['model', 'dataset', 'job'] as const;
const prefixes = { model: 'mdl', dataset: 'dst', job: 'job' } as const;
const anId = fc.oneof(
  fc.constantFrom(...kinds).map((kind) => () => known[kind]),
  fc.constantFrom(...kinds).map((kind) => () => newId(prefixes[kind])),
  fc.string({ maxLength: 40 }).map((id) => () => encodeURIComponent(id)),
);
const aPath = fc.tuple(
  fc.constantFrom('models', 'datasets', 'jobs', 'artifacts', 'keys', 'capabilities', 'other'),
  fc.option(anId, { nil: null }),
  fc.constantFrom('', '', '/content', '/events', '/report', '/artifacts', '/cancel', '/retry', '/other'),
);
const aQuery = fc.dictionary(
  fc.oneof(
    fc.constantFrom('limit', 'after', 'status', 'step', 'model', 'created_after', 'dry_run', 'name'),
    fc.string({ maxLength: 8 }),
  ),
  fc.oneof(
    fc.constantFrom('1', '100', 'true', 'queued', 'quantize', '2020-01-01T00:00:00.000Z'),
    fc.string({ maxLength: 20 }),
  ),
  { maxKeys: 3 },
);
const aHeader = fc.dictionary(
  fc.constantFrom(
    'accept',
    'prefer',
    'range',
    'if-none-match',
    'if-range',
    'idempotency-key',
    'last-event-id',
    'x-request-id',
    'content-digest',
  ),
  fc.oneof(
    fc.constantFrom(
      '*/*',
      'application/json',
      'text/markdown',
      'wait=0',
      'bytes=0-3',
      'bytes=-1',
      'bytes=9-1',
      '*',
      '1',
    ),
    fc.string({ maxLength: 20, unit: fc.constantFrom(...' !"#$%&()*+,-./0123456789:;<=>?@ABCXYZ[]^_abcxyz{|}~') }),
  ),
  { maxKeys: 3 },
);
/** A good spec, or one with something in it replaced, added or removed. */
const aSpec = fc
  .tuple(
    fc.jsonValue(),
    fc.constantFrom('', 'model', 'dataset', 'steps', 'evaluate', 'require', 'seed', 'metadata', 'x'),
  )
  .map(([value, key]) => () => ({
    model: known.model,
    dataset: known.dataset,
    steps: [{ type: 'quantize', scheme: 'int8_static' }],
    ...(key === '' ? {} : { [key]: value }),
  }));
const aBody = fc.oneof(
  fc.jsonValue().map((value) => () => ({ type: 'application/json', payload: JSON.stringify(value) })),
  aSpec.map((spec) => () => ({ type: 'application/json', payload: JSON.stringify(spec()) })),
  fc
    .uint8Array({ maxLength: 300 })
    .map((bytes) => () => ({ type: 'application/octet-stream', payload: Buffer.from(bytes) })),
  fc.tuple(fc.nat(200), fc.nat(255)).map(([at, byte]) => () => {
    const payload = linearModel();
    payload[at % payload.length] = byte;
    return { type: 'application/octet-stream', payload };
  }),
  fc.string().map((name) => () => ({
    type: 'multipart/form-data; boundary=b',
    payload: `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${name}\r\n--b--`,
  })),
  fc.tuple(fc.string(), fc.string()).map(([type, payload]) => () => ({ type, payload })),
);
const aRequest = fc.record({
  method: fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'POST', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'),
  path: aPath,
  query: aQuery,
  headers: aHeader,
  body: fc.option(aBody, { nil: null }),
});

type Request = typeof aRequest extends fc.Arbitrary<infer Value> ? Value : never;
/** Sends a request over a real connection, exactly as it was made up. */
async function send({ method, path: [resource, id, rest], query, headers, body }: Request, key: string) {
  const url = `/v1/${resource}${id === null ? '' : `/${id()}${rest}`}?${new URLSearchParams(query)}`;
  const content = method === 'GET' || method === 'HEAD' ? undefined : body?.();
  const request = httpRequest(api.url + url, {
    method,
    agent,
    headers: {
      ...headers,
      // A stream of events has no end while the job has none.
      ...(rest === '/events' ? { accept: 'application/json' } : {}),
      ...(content ? { 'content-type': content.type, 'content-length': Buffer.byteLength(content.payload) } : {}),
      authorization: `Bearer ${key}`,
    },
  });
  request.end(content?.payload);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const received = await text(response);
  const type = (response.headers['content-type'] ?? '').split(';', 1)[0] ?? '';
  const parsed = /json$/.test(type) && received !== '' ? JSON.parse(received) : undefined;
  return { method, url, status: response.statusCode ?? 0, type, body: parsed, text: received };
}

test('no request whatever gets a 5xx, or an answer that openapi.yaml does not describe', {
  timeout: SECONDS * 1000 + 60_000,
}, async () => {
  let answers = 0;
  await fc.assert(
    fc.asyncProperty(aRequest, async (request) => {
      const answer = await send(request, ADMIN_KEY);
      answers++;
      assert.ok(answer.status < 500, `${answer.method} ${answer.url}: ${answer.status} ${answer.text}`);
      assertContract(answer);
      assert.doesNotMatch(answer.text, /node_modules|at file:|\bZodError\b/);
    }),
    LIMIT,
  );
  assert.ok(answers > 20, `only ${answers} requests were made`);
});

test('no request of another tenant sees or changes anything of ours', {
  timeout: SECONDS * 1000 + 60_000,
}, async () => {
  const owner = api.agent(ADMIN_KEY);
  const before = await Promise.all(
    ['models', 'datasets', 'jobs'].map(async (kind) => (await owner.get(`/v1/${kind}`)).text),
  );
  await fc.assert(
    fc.asyncProperty(aRequest, fc.constantFrom(...kinds), async (request, kind) => {
      const foreign = { ...request, path: [`${kind}s`, () => known[kind], request.path[2]] as Request['path'] };
      if (request.path[0] === 'keys') return;
      const answer = await send(foreign, stranger);
      const refused = [400, 404, 405, 406, 413, 415, 422].includes(answer.status);
      assert.ok(refused, `${answer.method} ${answer.url}: ${answer.status} ${answer.text}`);
    }),
    LIMIT,
  );
  const now = await Promise.all(
    ['models', 'datasets', 'jobs'].map(async (kind) => (await owner.get(`/v1/${kind}`)).text),
  );
  assert.deepEqual(now, before);
});
