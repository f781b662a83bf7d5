import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspectModel } from '../../../src/onnx/admission/inspect-model.js';
import { node } from '../../../src/onnx/ir/graph.js';
import { floats } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';

test('a written model passes our own admission scan', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelpress-admissible-'));
  const type = { kind: 'tensor', dtype: 'float32', shape: [1, 2] } as const;
  const bytes = encodeModel({
    irVersion: 8,
    producer: 'test',
    opsets: new Map([['', 17]]),
    graph: {
      name: 'g',
      nodes: [node('Add', ['x', 'c'], ['y'])],
      inputs: [{ name: 'x', type }],
      outputs: [{ name: 'y', type }],
      initializers: new Map([['c', floats([1, 2], [1, 2])]]),
      values: new Map(),
    },
    functions: [],
    metadata: new Map(),
  });
  const path = join(folder, 'm.onnx');
  writeFileSync(path, bytes);
  const inspection = await inspectModel({ path, bytes: bytes.byteLength }, [], new AbortController().signal);
  assert.equal(inspection.parameters, 2);
  rmSync(folder, { recursive: true });
});
