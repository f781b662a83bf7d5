import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startApi, type TestApi } from './harness.js';

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api.stop());

const SPEC = { template: 'cnn', widths: [4, 8], input: { shape: [1, 8, 8] }, classes: 3 };
const make = (changes: object = {}) =>
  api
    .agent()
    .post('/v1/models/templates')
    .send({ ...SPEC, ...changes });

test('an untrained network is a model like any other, the same for the same spec', async () => {
  const { body, headers } = await make().expect(201);
  assert.equal(headers.location, body.urls.self);
  assert.equal(body.name, 'cnn-4-8.onnx');
  assert.deepEqual(body.inspection.inputs, [{ name: 'x', dtype: 'float32', shape: ['N', 1, 8, 8] }]);
  assert.deepEqual(body.inspection.outputs, [{ name: 'y', dtype: 'float32', shape: ['N', 3] }]);
  const parameters = 4 * 9 + 4 + 8 * 4 * 9 + 8 + 16 * 32 + 16 + 3 * 16 + 3;
  assert.equal(body.inspection.parameters, parameters);
  const again = await make().expect(200);
  assert.equal(again.body.id, body.id);
  const other = await make({ seed: 1 }).expect(201);
  assert.notEqual(other.body.sha256, body.sha256);
});

test('what cannot be a network is refused with the reason', async () => {
  const refused = async (changes: object, says: RegExp) => {
    const { body } = await make(changes).expect(422);
    assert.equal(body.code, 'invalid_request');
    assert.match(body.detail, says);
  };
  await refused({ input: { shape: [64] } }, /takes pictures/);
  await refused({ template: 'mlp', widths: [8192, 8192] }, /more than 4000000 parameters/);
  await refused({ widths: [4, 4, 4, 4, 4] }, /cannot be halved 5 times/);
});
