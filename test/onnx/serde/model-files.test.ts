import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Graph, type Model, node } from '../../../src/onnx/ir/graph.js';
import { floats } from '../../../src/onnx/ir/tensor.js';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { readModel } from '../../../src/onnx/serde/read-model.js';
import { writeModel } from '../../../src/onnx/serde/write-model.js';
import { seededRandom } from '../../../src/platform/random.js';
import { bytesEqual, runModel } from '../session.js';

const folder = mkdtempSync(join(tmpdir(), 'modelpress-serde-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** x [1,300] → MatMul [300,40] → MatMul [40,300] → MatMul [300,40]: three constants of 48,000 bytes each. */
function sample(): Model {
  const random = seededRandom(1);
  const weights = () => Array.from({ length: 12_000 }, () => random() - 0.5);
  const type = { kind: 'tensor', dtype: 'float32', shape: [1, 300] } as const;
  const graph: Graph = {
    name: 'sample',
    nodes: [
      node('MatMul', ['x', 'a'], ['h'], { name: 'first' }),
      node('MatMul', ['h', 'b'], ['i'], { name: 'second' }),
      node('MatMul', ['i', 'c'], ['y'], { name: 'third' }),
    ],
    inputs: [{ name: 'x', type }],
    outputs: [{ name: 'y', type: { ...type, shape: [1, 40] } }],
    initializers: new Map([
      ['a', floats(weights(), [300, 40])],
      ['b', floats(weights(), [40, 300])],
      ['c', floats(weights(), [300, 40])],
    ]),
    values: new Map(),
  };
  return {
    irVersion: 8,
    producer: 'test',
    opsets: new Map([['', 17]]),
    graph,
    functions: [],
    metadata: new Map([['k', 'v']]),
  };
}
const feeds = new Map([
  [
    'x',
    floats(
      Array.from({ length: 300 }, (_, i) => Math.sin(i)),
      [1, 300],
    ),
  ],
]);

describe('writeModel', () => {
  for (const [name, limit, files] of [
    ['keeps a small model in one file', 1e6, ['m.onnx']],
    ['moves constants out past the limit, one file per limit', 50_000, ['m.onnx', 'w0.bin', 'w1.bin', 'w2.bin']],
    ['puts several constants into one file, aligned to pages', 100_000, ['m.onnx', 'w0.bin', 'w1.bin']],
  ] as const) {
    test(name, async () => {
      const model = sample();
      const written = await writeModel(model, folder, 'm.onnx', limit);
      assert.deepEqual(
        written.map((entry) => entry.file),
        files,
      );
      for (const entry of written) assert.equal(statSync(entry.path).size, entry.bytes);
      const external = written.flatMap(({ location, path }) => (location === null ? [] : [{ location, path }]));
      const read = await readModel({ path: join(folder, 'm.onnx'), external });
      assert.deepEqual(encodeModel(read), encodeModel(model));
      const expected = (await runModel(encodeModel(model), feeds)).get('y');
      const found = (await runModel(join(folder, 'm.onnx'), feeds)).get('y');
      assert.ok(expected && found && bytesEqual(expected, found));
    });
  }

  test('decodeModel takes the external files from memory', async () => {
    const model = sample();
    await writeModel(model, folder, 'm.onnx', 50_000);
    const external = new Map(['w0.bin', 'w1.bin', 'w2.bin'].map((file) => [file, readFileSync(join(folder, file))]));
    const bytes = readFileSync(join(folder, 'm.onnx'));
    assert.deepEqual(encodeModel(decodeModel(bytes, external)), encodeModel(model));
    assert.throws(() => decodeModel(bytes), { code: 'missing_external_data' });
    assert.throws(() => decodeModel(bytes, new Map([...external, ['w1.bin', Buffer.alloc(10)]])), {
      code: 'truncated_model',
    });
    await assert.rejects(readModel({ path: join(folder, 'm.onnx'), external: [] }), { code: 'missing_external_data' });
  });
});

describe('decodeModel', () => {
  const whole = encodeModel(sample());
  test('says what is wrong with a file', () => {
    assert.throws(() => decodeModel(whole.subarray(0, whole.length / 2)), { code: 'truncated_model' });
    assert.throws(() => decodeModel(new TextEncoder().encode('<html>not a model</html>')), { code: 'not_onnx' });
    assert.throws(() => decodeModel(new Uint8Array(0)), { code: 'not_onnx' });
  });

  test('never fails otherwise, wherever the file is cut or damaged', () => {
    const random = seededRandom(7);
    const codes = new Set([
      'truncated_model',
      'not_onnx',
      'invalid_model',
      'unsupported_dtype',
      'missing_external_data',
    ]);
    const small = whole.subarray(0, 400);
    for (let i = 0; i < 2000; i++) {
      const bytes = Uint8Array.from(small);
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      try {
        decodeModel(bytes.subarray(0, Math.floor(random() * bytes.length)));
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && codes.has(String(error.code)), String(error));
      }
    }
  });

  test('puts nodes into topological order and refuses cycles', () => {
    const model = sample();
    model.graph.nodes.reverse();
    assert.deepEqual(
      decodeModel(encodeModel(model)).graph.nodes.map(({ name }) => name),
      ['first', 'second', 'third'],
    );
    model.graph.nodes = [node('Add', ['x', 'q'], ['p']), node('Neg', ['p'], ['q'])];
    assert.throws(() => decodeModel(encodeModel(model)), { code: 'invalid_model' });
  });
});
