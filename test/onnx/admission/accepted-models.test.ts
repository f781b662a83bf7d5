import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { inspectModel } from '../../../src/onnx/admission/inspect-model.js';
import { ServiceError } from '../../../src/platform/errors.js';
import { REAL_MODELS } from '../real-models.js';
import { standardModels, standardModelsMissing } from '../standard-models.js';
import { type Counts, countIndependently } from './independent-count.js';
import { scan } from './scan.js';
import * as w from './wire-writer.js';

function assertCounts(inspection: ReturnType<typeof scan>, expected: Counts): void {
  assert.equal(inspection.nodes, expected.nodes);
  assert.equal(inspection.parameters, expected.parameters);
  assert.deepEqual(inspection.operators, expected.operators);
  assert.deepEqual(inspection.opsets, expected.opsets);
  assert.deepEqual(
    inspection.inputs.map((input) => input.name),
    expected.inputs,
  );
  assert.deepEqual(
    inspection.outputs.map((output) => output.name),
    expected.outputs,
  );
}

for (const { name, path, missing } of REAL_MODELS)
  test(`${name} is accepted and counted as onnx-buf counts it`, { skip: missing }, async () => {
    const file = { path, bytes: statSync(path).size };
    const inspection = await inspectModel(file, [], new AbortController().signal);
    assertCounts(inspection, countIndependently(readFileSync(path)));
    assert.equal(inspection.weight_bytes >= 4 * inspection.parameters - 8 * inspection.nodes, true);
  });

test('the operator models of ONNX are accepted and counted, or refused for their version or domain', {
  skip: standardModelsMissing,
}, () => {
  let seen = 0;
  for (const { name, bytes } of standardModels()) {
    const expected = countIndependently(bytes);
    const version = expected.opsets[''];
    const foreign = [...expected.domains].some((domain) => domain !== '');
    const code = version !== undefined && version < 7 ? 'unsupported_opset' : foreign ? 'unsupported_domain' : null;
    seen++;
    try {
      assertCounts(scan(bytes), expected);
      assert.equal(code, null, name);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      assert.equal(error.code, code, `${name}: ${error.detail}`);
    }
  }
  assert.ok(seen > 1000, `${seen} models`);
});

test('the signature keeps names, sizes, unknowns and ranks of dimensions', () => {
  const { inputs, outputs } = scan(
    w.model({ graph: w.join([w.value(11, 'x', ['batch', 3, -1, '']), w.node(), w.message(12, w.bytes(1, 'y'))]) }),
  );
  assert.deepEqual(inputs, [{ name: 'x', dtype: 'float32', shape: ['batch', 3, null, null] }]);
  assert.deepEqual(outputs, [{ name: 'y', dtype: null, shape: null }]);
});

test('an initializer that is also an input is not fed', () => {
  const { inputs } = scan(
    w.model({
      graph: w.graph(
        w.value(11, 'w'),
        w.bytes(5, w.tensor({ raw: new Uint8Array(4) })),
        w.node({ op: 'Add', inputs: ['x', 'w'] }),
      ),
    }),
  );
  assert.deepEqual(
    inputs.map((input) => input.name),
    ['x'],
  );
});

const packed = (field: number, ...values: number[]) => w.bytes(field, w.join(values.map(w.varint)));
const STORED: readonly (readonly [string, w.TensorFields, number])[] = [
  ['float_data', { dims: [2], parts: [w.bytes(4, new Uint8Array(8))] }, 8],
  ['bool in int32_data', { dims: [3], type: 9, parts: [packed(5, 1, 0, 1)] }, 3],
  ['negative int8 in int32_data, unpacked', { dims: [2], type: 3, parts: [w.int(5, -128), w.int(5, -1)] }, 2],
  ['float16 in int32_data', { dims: [2], type: 10, parts: [packed(5, 0x3c00, 0xbc00)] }, 4],
  ['int4 in int32_data, two to a number', { dims: [3], type: 22, parts: [packed(5, 0x21, 0x03)] }, 2],
  ['int4 in raw_data', { dims: [3], type: 22, raw: new Uint8Array(2) }, 2],
  ['int64_data', { dims: [2], type: 7, parts: [packed(7, 2 ** 40, -5)] }, 16],
  ['uint32 in uint64_data', { dims: [1], type: 12, parts: [packed(11, 7)] }, 4],
  ['double_data', { dims: [1], type: 11, parts: [w.bytes(10, new Uint8Array(8))] }, 8],
  ['complex64 in float_data, two to an element', { dims: [1], type: 14, parts: [w.bytes(4, new Uint8Array(8))] }, 8],
  ['strings', { dims: [2], type: 8, parts: [w.bytes(6, 'a'), w.bytes(6, 'b')] }, 0],
  ['nothing at all', { dims: [0, 5] }, 0],
];
for (const [name, fields, bytes] of STORED)
  test(`weights stored as ${name} are counted`, () => {
    const { weight_bytes } = scan(w.model({ graph: w.graph(w.node(), w.bytes(5, w.tensor(fields))) }));
    assert.equal(weight_bytes, bytes);
  });

test('external data is accepted by location, offset, length and checksum, and listed', () => {
  const entries = { location: 'weights/w.bin', offset: '4', length: '8', checksum: 'abc' };
  const bytes = w.model({ graph: w.graph(w.node(), w.bytes(5, w.external(entries))) });
  const inspection = scan(bytes, { 'weights/w.bin': 12 });
  assert.deepEqual(inspection.external_data, ['weights/w.bin']);
  assert.equal(inspection.weight_bytes, 8);
});

test('local functions may live in their own domain, 100 calls deep', () => {
  const functions = Array.from({ length: 100 }, (_, i) =>
    w.localFunction({
      name: `f${i}`,
      nodes: [
        i === 99
          ? { op: 'Relu', inputs: ['a'], outputs: ['b'] }
          : { op: `f${i + 1}`, domain: 'local', inputs: ['a'], outputs: ['b'] },
      ],
    }),
  );
  const graph = w.graph(w.node({ op: 'f0', domain: 'local' }));
  const inspection = scan(w.model({ graph, opsets: [w.opset(17), w.opset(1, 'local')], parts: functions }));
  assert.deepEqual(inspection.operators, { 'local::f0': 1 });
  assert.equal(inspection.nodes, 1);
});

test('a subgraph reads the values around it', () => {
  const branch = w.join([w.bytes(2, 'b'), w.node({ inputs: ['x'], outputs: ['inner'] }), w.value(12, 'inner')]);
  const attributes = [w.attribute('then_branch', w.bytes(6, branch)), w.attribute('else_branch', w.bytes(6, branch))];
  const inspection = scan(w.model({ graph: w.graph(w.node({ op: 'If', attributes })) }));
  assert.deepEqual(inspection.operators, { If: 1, Relu: 2 });
});
