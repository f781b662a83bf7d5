import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { floats } from '../../src/onnx/ir/tensor.js';
import { newId } from '../../src/platform/ids.js';
import { integerModel, linearModel, linearSamples, npy, npz, unsizedModel } from './fixtures.js';
import { startApi, type TestApi } from './harness.js';

let api: TestApi;
let model: string;
let dataset: string;
const bytes = 'application/octet-stream';
before(async () => {
  api = await startApi();
  model = (await api.agent().post('/v1/models').set('content-type', bytes).send(linearModel())).body.id;
  dataset = await uploadDataset(await linearSamples());
});
after(() => api.stop());

const uploadDataset = async (content: Buffer): Promise<string> =>
  (await api.agent().post('/v1/datasets').set('content-type', bytes).send(content)).body.id;
const upload = async (content: Buffer, manifest: object): Promise<string> => {
  const form = api.agent().post('/v1/datasets').field('manifest', JSON.stringify(manifest));
  return (await form.attach('data', content, 'data.npz')).body.id;
};
const uploadModel = async (content: Buffer): Promise<string> =>
  (await api.agent().post('/v1/models').set('content-type', bytes).send(content)).body.id;
const quantize = (scheme = 'int8_dynamic') => ({ type: 'quantize', scheme });
const distill = (rest: object = {}) => ({ type: 'distill', student: { template: 'mlp', widths: [4] }, ...rest });
const spec = (rest: object = {}) => ({ model, steps: [quantize()], ...rest });
const post = (body: object, path = '/v1/jobs') => api.agent().post(path).send(body);

test('a job is accepted with every default, found, listed, cancelled, tried again and deleted', async () => {
  const created = await post(spec({ dataset, metadata: { team: 'vision' } }))
    .set('x-request-id', 'from-the-client')
    .expect(202);
  const { id, urls } = created.body;
  assert.equal(created.headers.location, urls.self);
  assert.ok(Number(created.headers['retry-after']) >= 1);
  assert.equal(created.body.request_id, 'from-the-client');
  assert.equal(created.headers['x-request-id'], 'from-the-client');
  assert.equal(created.body.status, 'queued');
  assert.equal(created.body.spec.timeout_seconds, 3600);
  assert.deepEqual(created.body.metadata, { team: 'vision' });
  const got = await api.agent().get(urls.self).expect(200);
  assert.ok(Number(got.headers['retry-after']) >= 1);
  assert.equal(typeof got.body.queue_position, 'number');

  await api.agent().delete(urls.self).expect(409);
  await post({}, `${urls.self}/retry`).expect(409);
  await api.agent().delete(`/v1/models/${model}`).expect(409);

  const cancelled = await post({}, urls.cancel).expect(202);
  assert.equal(cancelled.body.status, 'cancelled');
  assert.equal(cancelled.body.done, true);
  await post({}, urls.cancel).expect(200);
  const done = await api.agent().get(urls.self).expect(200);
  assert.equal(done.headers['retry-after'], undefined);

  const retried = await post({}, `${urls.self}/retry`).expect(202);
  assert.equal(retried.body.retried_from, id);
  assert.notEqual(retried.body.id, id);
  assert.deepEqual(retried.body.spec, created.body.spec);
  await post({}, retried.body.urls.cancel).expect(202);
  await api.agent().delete(urls.self).expect(204);
  await api.agent().get(urls.self).expect(404);
  await post({}, urls.cancel).expect(404);
});

test('cancel and retry take an empty body, with and without a content type', async () => {
  const { body } = await post(spec()).expect(202);
  await api.agent().post(body.urls.cancel).expect(202);
  await api.agent().post(body.urls.cancel).set('content-type', 'application/json').expect(200);
});

test('the list filters by status, step, model and time', async () => {
  const { body } = await post(spec()).expect(202);
  const count = async (query: string) => {
    const { body: list } = await api.agent().get(`/v1/jobs?limit=100&${query}`).expect(200);
    return list.data.filter(({ id }: { id: string }) => id === body.id).length;
  };
  assert.equal(await count('status=queued'), 1);
  assert.equal(await count('status=failed'), 0);
  assert.equal(await count('step=quantize'), 1);
  assert.equal(await count('step=distill'), 0);
  assert.equal(await count(`model=${model}`), 1);
  assert.equal(await count(`model=${newId('mdl')}`), 0);
  assert.equal(await count('created_after=2020-01-01T00:00:00.000Z'), 1);
  assert.equal(await count('created_after=2100-01-01T00:00:00.000Z'), 0);
  await api.agent().get('/v1/jobs?status=done').expect(422);
  await post({}, body.urls.cancel).expect(202);
});

test('Prefer: wait holds the answer until the job is done; only a wait that ran out is 202', async () => {
  const { body } = await post(spec()).expect(202);
  const ranOut = await api.agent().get(body.urls.self).set('prefer', 'wait=0').expect(202);
  assert.equal(ranOut.headers['preference-applied'], 'wait=0');
  const waiting = api
    .agent()
    .get(body.urls.self)
    .set('prefer', 'wait=30')
    .then((answer) => answer);
  await post({}, body.urls.cancel).expect(202);
  const answer = await waiting;
  assert.equal(answer.status, 200);
  assert.equal(answer.body.status, 'cancelled');
});

test('an Idempotency-Key makes one job of equal requests', async () => {
  const first = await post(spec()).set('idempotency-key', 'a-key').expect(202);
  const again = await post(spec()).set('idempotency-key', '"a-key"').expect(202);
  assert.equal(again.headers['idempotency-replayed'], 'true');
  assert.equal(again.headers.location, first.headers.location);
  assert.deepEqual(again.body, first.body);
  const other = await post(spec({ seed: 1 }))
    .set('idempotency-key', 'a-key')
    .expect(422);
  assert.equal(other.body.code, 'idempotency_key_reused');
  const bad = await post(spec()).set('idempotency-key', 'x'.repeat(256)).expect(400);
  assert.equal(bad.body.code, 'malformed_request');
  const both = await Promise.all([1, 2].map(() => post(spec()).set('idempotency-key', 'twins')));
  const ids = new Set(both.filter(({ status }) => status === 202).map(({ body }) => body.id));
  assert.equal(ids.size, 1);
  assert.ok(both.every(({ status }) => status === 202 || status === 409));
  const cancelled = await post({}, first.body.urls.cancel).set('idempotency-key', 'c').expect(202);
  const replayed = await post({}, first.body.urls.cancel).set('idempotency-key', 'c').expect(202);
  assert.deepEqual(replayed.body, cancelled.body);
});

test('a request that failed is not stored under its key', async () => {
  await post(spec({ dataset: newId('dst') }))
    .set('idempotency-key', 'failed')
    .expect(404);
  const { body } = await post(spec()).set('idempotency-key', 'failed').expect(202);
  await post({}, body.urls.cancel).expect(202);
});

test('a dry run says what would be done and stores nothing', async () => {
  const before = (await api.agent().get('/v1/jobs?limit=100')).body.data.length;
  const { body } = await post({ model, dataset, steps: [quantize('int8_static')] }, '/v1/jobs?dry_run=true').expect(
    200,
  );
  assert.equal(body.spec.steps[0].calibration.samples, 256);
  assert.ok(body.splits.calibration.samples > 0);
  assert.ok(body.splits.evaluation.samples > 0);
  assert.ok(body.actions.length >= 3);
  assert.deepEqual(body.evaluation, { metric: 'top1', output: 'y' });
  assert.match(body.warnings[0], /"labels" is taken as the labels for its name/);
  assert.match(body.warnings[1], /are only \d+ samples for/);
  const named = await upload(await linearSamples(400), { labels: 'labels' });
  const { body: plain } = await post(spec({ dataset: named }), '/v1/jobs?dry_run=true').expect(200);
  assert.deepEqual(plain.warnings, []);
  const unread = await upload(await linearSamples(400), { labels: null });
  const { body: other } = await post(spec({ dataset: unread }), '/v1/jobs?dry_run=true').expect(200);
  assert.deepEqual([other.evaluation.metric, other.warnings], ['agreement', []]);
  const few = await post(spec({ dataset, require: { max_metric_drop: 0.01 } }), '/v1/jobs?dry_run=true').expect(200);
  // Tango's upper bound for no loss at all is z²/(n + z²): at most .01 from n = 99 z² = 380.3 on.
  assert.match(few.body.warnings.join(), /that takes 381 evaluation samples, and there are \d+\./);
  const pixels = await npz({ x: npy({ dtype: 'uint8', dims: [40, 4], bytes: new Uint8Array(160) }) });
  const raw = await post(spec({ dataset: await uploadDataset(pixels) }), '/v1/jobs?dry_run=true').expect(200);
  assert.match(raw.body.warnings.join(), /"x" \(uint8\) feeds the float32 input "x" with scale 1/);
  const without = await post(spec({ require: { max_metric_drop: 0.01 } }), '/v1/jobs?dry_run=true').expect(200);
  assert.ok(without.body.warnings.some((text: string) => /undecided/.test(text)));
  assert.equal((await api.agent().get('/v1/jobs?limit=100')).body.data.length, before);
});

test('a distill step has every default, waits in its own queue, and keeps its student from being deleted', async () => {
  const upload = api.agent().post('/v1/models').set('content-type', bytes);
  const student = (await upload.send(linearModel(77))).body.id;
  const steps = [distill({ student: { model: student } }), quantize()];
  const { body } = await post(spec({ dataset, steps })).expect(202);
  assert.deepEqual(body.spec.steps[0].loss, { kind: 'kd', temperature: 4, standardize: false, labels: 0 });
  assert.deepEqual(body.spec.steps[0].hints, []);
  assert.deepEqual(body.spec.steps[0].training, {
    epochs: 30,
    batch_size: 64,
    optimizer: { kind: 'adamw', learning_rate: 0.001, weight_decay: 0.01 },
    schedule: 'cosine',
    warmup: 0.05,
    clip_norm: null,
    ema: null,
    patience: null,
    augment: null,
    freeze: [],
  });
  assert.deepEqual(
    body.steps.map(({ type }: { type: string }) => type),
    ['distill', 'quantize'],
  );
  assert.deepEqual(await api.services.queue.counts('distill'), { waiting: 1, active: 0 });
  const { body: list } = await api.agent().get('/v1/jobs?step=distill').expect(200);
  assert.deepEqual(
    list.data.map(({ id }: { id: string }) => id),
    [body.id],
  );
  const refused = await api.agent().delete(`/v1/models/${student}`).expect(409);
  assert.equal(refused.body.code, 'in_use');
  await post({}, body.urls.cancel).expect(202);
  await api.agent().delete(`/v1/models/${student}`).expect(204);
  const gone = await post(spec({ dataset, steps })).expect(404);
  assert.equal(gone.body.code, 'not_found');
  const plan = await post(spec({ dataset, steps: [distill()] }), '/v1/jobs?dry_run=true').expect(200);
  assert.ok(plan.body.splits.training.samples > 0);
  assert.match(plan.body.actions[0], /train a mlp of 4 with loss kd for up to 30 epochs/);
});

const scratch = (student: object = { classes: 2 }, rest: object = {}) => ({
  dataset,
  steps: [
    distill({ student: { template: 'mlp', widths: [4], ...student }, loss: { kind: 'labels' }, ...rest }),
    quantize(),
  ],
});

test('a job without a model begins with an untrained network that fits its samples', async () => {
  const { body } = await post(scratch()).expect(202);
  const { model: made, steps } = body.spec;
  assert.deepEqual(steps[0].student, { model: made });
  assert.equal(steps[1].type, 'quantize');
  const { inspection } = (await api.agent().get(`/v1/models/${made}`).expect(200)).body;
  assert.deepEqual(
    [inspection.inputs, inspection.outputs].map(([value]) => [value.name, value.shape.slice(1)]),
    [
      ['x', [4]],
      ['y', [2]],
    ],
  );
  const again = await post(scratch(), '/v1/jobs?dry_run=true').expect(200);
  assert.equal(again.body.spec.model, made, 'equal jobs begin with one network');
  const other = await post({ ...scratch(), seed: 1 }, '/v1/jobs?dry_run=true').expect(200);
  assert.notEqual(other.body.spec.model, made);
  await post({}, body.urls.cancel).expect(202);
});

test('a part of the teacher is one form, however it was written', async () => {
  const students = [{ from: 'teacher', width: 0.5 }, { from_teacher: { width: 0.5 } }];
  const planned = await Promise.all(
    students.map((student) =>
      post(spec({ dataset, steps: [distill({ student })] }), '/v1/jobs?dry_run=true').expect(200),
    ),
  );
  const [{ from, width, samples } = {}] = planned.map(({ body }) => body.spec.steps[0].student);
  assert.deepEqual({ from, width, samples }, { from: 'teacher', width: 0.5, samples: 1024 });
  for (const { body } of planned) assert.deepEqual(body.spec.steps[0].student, planned[0]?.body.spec.steps[0].student);
});

test('whatever measures or compares on samples has calibration samples set aside for it, and nothing else', async () => {
  const measuring: object[] = [
    quantize('int8_static'),
    quantize('fp16'),
    { ...quantize('int4_weights'), weights: { method: 'gptq' } },
    { ...quantize('int4_weights'), weights: { method: 'auto' } },
    { ...quantize('int8_dynamic'), rounding: 'adaptive' },
  ];
  const planned = async (step: object) => {
    const { body } = await post(spec({ dataset, steps: [step] }), '/v1/jobs?dry_run=true').expect(200);
    return body.splits.calibration?.samples ?? 0;
  };
  for (const step of measuring) assert.ok((await planned(step)) > 0, JSON.stringify(step));
  for (const scheme of ['optimized', 'int8_weights', 'int4_weights']) assert.equal(await planned(quantize(scheme)), 0);
});

test('a recovery has every default written out, and takes training samples of its own', async () => {
  const steps = [{ ...quantize('int4_weights'), recover: true }];
  const { body } = await post(spec({ dataset, steps }), '/v1/jobs?dry_run=true').expect(200);
  const { recover } = body.spec.steps[0];
  assert.equal(recover.epochs, 6);
  assert.equal(recover.samples, 4096);
  assert.ok(body.splits.training.samples > 0);
  assert.match(body.actions[0], /let the model before it teach the result for up to 6 epochs/);
});

test('a student that is to be quantized has every default, calibration samples, and a plan that says so', async () => {
  const steps = [distill({ quantize_aware: { scheme: 'int8_static', recover: { epochs: 3 } } })];
  const { body } = await post(spec({ dataset, steps }), '/v1/jobs?dry_run=true').expect(200);
  const { quantize_aware: aware } = body.spec.steps[0];
  assert.deepEqual(aware.recover, {
    epochs: 3,
    batch_size: 64,
    learning_rate: 0.01,
    samples: 4096,
    scales: 'frozen',
    patience: null,
  });
  assert.equal(aware.calibration.method, 'mean_minmax');
  assert.ok(body.splits.calibration.samples > 0);
  assert.match(body.actions[0], /let the model before it teach the quantized student for up to 3 epochs/);
  const byLabels = [distill({ loss: { kind: 'labels' }, quantize_aware: { scheme: 'int4_weights' } })];
  const plan = await post(spec({ dataset, steps: byLabels }), '/v1/jobs?dry_run=true').expect(200);
  assert.match(plan.body.actions[0], /let the student teach the quantized student/);
});

const int64 = (values: readonly number[], dims: number[]) =>
  npy({ dtype: 'int64', dims, bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer) });
/** Samples for the two classes of the model. */
const labelled = (labels: Buffer) => npz({ x: npy(floats(new Float32Array(80), [20, 4])), labels });
const oneHot = () => labelled(int64(Array(40).fill(0), [20, 2]));

test('one-hot labels that nobody named are not scored, and the plan says so', async () => {
  const dataset = await uploadDataset(await oneHot());
  const { body } = await post(spec({ dataset }), '/v1/jobs?dry_run=true').expect(200);
  assert.equal(body.evaluation.metric, 'agreement');
  assert.match(body.warnings.join(), /"labels" are not scored: agreement compares/);
  const asked = { dataset: await upload(await oneHot(), { labels: 'labels' }), evaluate: { metric: 'agreement' } };
  await post(spec(asked), '/v1/jobs?dry_run=true').expect(200);
});

test('a plan warns of samples without label that might be scored', async () => {
  const some = [-1, ...Array(19).fill(1)];
  const dataset = await uploadDataset(await labelled(int64(some, [20])));
  const { body } = await post(spec({ dataset }), '/v1/jobs?dry_run=true').expect(200);
  assert.match(body.warnings.join(), /Some labels of "labels" are -1/);
});

const REFUSED: readonly (readonly [string, () => Promise<object> | object, number, string, string])[] = [
  ['an unknown key', () => spec({ sede: 1 }), 422, 'invalid_request', '/sede'],
  ['a value out of range', () => spec({ timeout_seconds: 0 }), 422, 'invalid_request', '/timeout_seconds'],
  ['an unknown scheme', () => ({ model, steps: [quantize('int7')] }), 422, 'invalid_request', '/steps/0/scheme'],
  [
    'no dataset for int8_static',
    () => ({ model, steps: [quantize('int8_static')] }),
    422,
    'dataset_required',
    '/dataset',
  ],
  ['no dataset for fp16', () => ({ model, steps: [quantize('fp16')] }), 422, 'dataset_required', '/dataset'],
  [
    'shapes pinned to no dataset',
    () => ({ model, steps: [{ ...quantize('optimized'), pin_shapes: true }] }),
    422,
    'dataset_required',
    '/steps/0/pin_shapes',
  ],
  [
    'a dataset of another width',
    async () => spec({ dataset: await uploadDataset(await npz({ x: npy(floats(new Float32Array(60), [20, 3])) })) }),
    422,
    'dataset_mismatch',
    '/dataset/arrays/x/shape',
  ],
  [
    'a dataset of another name',
    async () =>
      spec({
        dataset: await uploadDataset(
          await npz({ a: npy(floats(new Float32Array(80), [20, 4])), b: npy(floats(new Float32Array(80), [20, 4])) }),
        ),
      }),
    422,
    'dataset_mismatch',
    '/dataset/arrays',
  ],
  [
    'a dataset with NaN',
    async () => spec({ dataset: await uploadDataset(await linearSamples(20, Number.NaN)) }),
    422,
    'dataset_not_finite',
    '/dataset/arrays/x',
  ],
  [
    'a metric that needs labels',
    async () =>
      spec({
        dataset: await uploadDataset(await npz({ x: npy(floats(new Float32Array(80), [20, 4])) })),
        evaluate: { metric: 'top1' },
      }),
    422,
    'metric_not_applicable',
    '/evaluate/metric',
  ],
  [
    'one-hot labels that the manifest names',
    async () => spec({ dataset: await upload(await oneHot(), { labels: 'labels' }) }),
    422,
    'dataset_mismatch',
    '/dataset/manifest/labels',
  ],
  [
    'a label beyond the classes of the output',
    async () => spec({ dataset: await uploadDataset(await labelled(int64([...Array(19).fill(1), 2], [20]))) }),
    422,
    'dataset_mismatch',
    '/dataset/arrays/labels',
  ],
  [
    'labels that are none',
    async () => spec({ dataset: await uploadDataset(await labelled(int64(Array(20).fill(-1), [20]))) }),
    422,
    'dataset_mismatch',
    '/dataset/arrays/labels',
  ],
  [
    'a metric of steps on an output without any',
    () => spec({ dataset, evaluate: { metric: 'ctc' } }),
    422,
    'metric_not_applicable',
    '/evaluate/metric',
  ],
  [
    'a metric that needs labels, without a dataset',
    () => spec({ evaluate: { metric: 'top1' } }),
    422,
    'metric_not_applicable',
    '/evaluate/metric',
  ],
  [
    'a dimension that nothing gives a size',
    async () => ({ model: await uploadModel(unsizedModel()), steps: [quantize()] }),
    422,
    'invalid_request',
    '/evaluate/latency/shapes/features',
  ],
  [
    'integers that would be quantized again',
    async () => ({ model: await uploadModel(integerModel()), steps: [quantize()] }),
    422,
    'already_quantized',
    '/model',
  ],
  ['no dataset to train on', () => ({ model, steps: [distill()] }), 422, 'dataset_required', '/dataset'],
  [
    'a loss that reads labels without any',
    async () => ({
      model,
      dataset: await uploadDataset(await npz({ x: npy(floats(new Float32Array(80), [20, 4])) })),
      steps: [distill({ loss: { kind: 'kd', labels: 0.1 } })],
    }),
    422,
    'dataset_mismatch',
    '/steps/0/loss',
  ],
  [
    'a student that gives something else than its teacher',
    async () => ({ model, dataset, steps: [distill({ student: { model: await uploadModel(integerModel()) } })] }),
    422,
    'dataset_mismatch',
    '/steps/0/student/model',
  ],
  [
    'an unknown loss',
    () => ({ model, dataset, steps: [distill({ loss: { kind: 'magic' } })] }),
    422,
    'invalid_request',
    '/steps/0/loss/kind',
  ],
  [
    'an option of another loss',
    () => ({ model, dataset, steps: [distill({ loss: { kind: 'mse', temperature: 2 } })] }),
    422,
    'invalid_request',
    '/steps/0/loss/temperature',
  ],
  [
    'a part of the teacher that is all of it',
    () => ({ model, dataset, steps: [distill({ student: { from: 'teacher' } })] }),
    422,
    'invalid_request',
    '/steps/0/student/width',
  ],
  [
    'neither a model nor a network from scratch',
    () => ({ dataset, steps: [quantize()] }),
    422,
    'invalid_request',
    '/model',
  ],
  [
    'a network from scratch without labels to learn',
    () => scratch({}, { loss: { kind: 'kd' } }),
    422,
    'invalid_request',
    '/model',
  ],
  ['a network from scratch of unknown size', () => scratch({}), 422, 'invalid_request', '/steps/0/student/classes'],
  ['classes beside a model', () => ({ ...scratch(), model }), 422, 'invalid_request', '/steps/0/student/classes'],
  [
    'a network from scratch without samples',
    () => ({ ...scratch(), dataset: undefined }),
    422,
    'invalid_request',
    '/dataset',
  ],
  [
    'a network from scratch on samples without labels',
    async () => ({
      ...scratch(),
      dataset: await uploadDataset(await npz({ x: npy(floats(new Float32Array(80), [20, 4])) })),
    }),
    422,
    'dataset_mismatch',
    '/dataset',
  ],
  [
    'a hint that weighs nothing',
    () => ({ model, dataset, steps: [distill({ hints: [{ teacher: 'h', student: 'h', weight: 0 }] })] }),
    422,
    'invalid_request',
    '/steps/0/hints/0/weight',
  ],
  [
    'numbers of a row that are to be mirrored',
    () => ({ model, dataset, steps: [distill({ training: { augment: { flip: true } } })] }),
    422,
    'invalid_request',
    '/steps/0/training/augment/flip',
  ],
  [
    'an augmentation that changes nothing',
    () => ({ model, dataset, steps: [distill({ training: { augment: { crop: 0 } } })] }),
    422,
    'invalid_request',
    '/steps/0/training/augment',
  ],
  [
    'mixed samples for a loss of one class each',
    () => ({
      model,
      dataset,
      steps: [distill({ loss: { kind: 'dkd' }, training: { augment: { mixup: 0.2 } } })],
    }),
    422,
    'invalid_request',
    '/steps/0/training/augment/mixup',
  ],
  [
    'a step after a quantized student',
    () => ({ model, dataset, steps: [distill({ quantize_aware: { scheme: 'int8_weights' } }), quantize()] }),
    422,
    'invalid_request',
    '/steps/0/quantize_aware',
  ],
  [
    'a quantized student in a scheme without integers',
    () => ({ model, dataset, steps: [distill({ quantize_aware: { scheme: 'fp16' } })] }),
    422,
    'invalid_request',
    '/steps/0/quantize_aware/scheme',
  ],
  [
    'a quantized student with what its scheme does not read',
    () => ({ model, dataset, steps: [distill({ quantize_aware: { scheme: 'int8_weights', portable: true } })] }),
    422,
    'invalid_request',
    '/steps/0/quantize_aware/portable',
  ],
  [
    'no dataset to recover on',
    () => ({ model, steps: [{ ...quantize('int4_weights'), recover: true }] }),
    422,
    'dataset_required',
    '/dataset',
  ],
  [
    'a recovery of a scheme without integers',
    () => ({ model, dataset, steps: [{ ...quantize('fp16_weights'), recover: { epochs: 2 } }] }),
    422,
    'invalid_request',
    '/steps/0/recover',
  ],
  [
    'a misspelt option of a recovery',
    () => ({ model, dataset, steps: [{ ...quantize('int4_weights'), recover: { epoch: 2 } }] }),
    422,
    'invalid_request',
    '/steps/0/recover/epoch',
  ],
  ['an unknown output', () => spec({ evaluate: { output: 'z' } }), 422, 'invalid_request', '/evaluate/output'],
  [
    'an unknown dimension',
    () => spec({ evaluate: { latency: { shapes: { M: 1 } } } }),
    422,
    'invalid_request',
    '/evaluate/latency/shapes/M',
  ],
];
for (const [name, body, status, code, pointer] of REFUSED) {
  test(`a job with ${name} is ${status} ${code} at ${pointer}`, async () => {
    const answer = await post(await body());
    assert.deepEqual(
      [answer.status, answer.body.code, answer.body.errors[0]?.pointer],
      [status, code, pointer],
      answer.body.detail,
    );
  });
}

for (const [name, content, type, status, code] of [
  ['broken JSON', '{"model":', 'application/json', 400, 'malformed_json'],
  ['a poisoned prototype', '{"__proto__":{"x":1}}', 'application/json', 400, 'malformed_json'],
  ['another content type', 'model=1', 'text/plain', 415, 'unsupported_media_type'],
  ['a body beyond the limit', JSON.stringify({ x: 'x'.repeat(2 ** 20) }), 'application/json', 413, 'payload_too_large'],
  ['a deep nest', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'application/json', 422, 'invalid_request'],
] as const) {
  test(`${name} is ${status} ${code}`, async () => {
    const answer = await api.agent().post('/v1/jobs').set('content-type', type).send(content);
    assert.deepEqual([answer.status, answer.body.code], [status, code]);
  });
}

test('a tenant may have a hundred unfinished jobs', { timeout: 120_000 }, async () => {
  const made: string[] = [];
  let refused: { status: number; body: { code: string }; headers: Record<string, string> } | undefined;
  while (refused === undefined) {
    const answer = await post(spec());
    if (answer.status === 202) made.push(answer.body.urls.cancel);
    else refused = answer;
  }
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'queue_quota_exceeded');
  assert.ok(Number(refused.headers['retry-after']) > 0);
  assert.ok(made.length <= 100);
  for (const cancel of made) await post({}, cancel).expect(202);
});
