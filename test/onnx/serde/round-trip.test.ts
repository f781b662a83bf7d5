import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { REAL_MODELS } from '../real-models.js';
import { bytesEqual, runModel, type Values } from '../session.js';
import { standardModels, standardModelsMissing } from '../standard-models.js';

/** Models of the standard set that ONNX Runtime for Node.js can run at all; fewer means that reading broke. */
const STANDARD_MODELS_RUN_AT_LEAST = 900;

async function attempt(bytes: Uint8Array, feeds: Values): Promise<Values | null> {
  try {
    return await runModel(bytes, feeds);
  } catch {
    return null;
  }
}

function assertSame(expected: Values, found: Values | null, name: string): void {
  assert.ok(found, `${name}: the written model does not run`);
  for (const [output, tensor] of expected) {
    const other = found.get(output);
    assert.ok(other && bytesEqual(tensor, other), `${name}: output ${output} differs`);
  }
}

describe('a model that was read and written again', () => {
  for (const { name, path, feeds, missing } of REAL_MODELS) {
    test(`${name} gives the same bytes out of ONNX Runtime`, { skip: missing }, async () => {
      const bytes = readFileSync(path);
      const written = encodeModel(decodeModel(bytes));
      assertSame(await runModel(bytes, feeds), await runModel(written, feeds), name);
      assert.deepEqual(encodeModel(decodeModel(written)), written);
    });
  }

  test('every operator model of the ONNX project', { skip: standardModelsMissing }, async () => {
    let run = 0;
    for (const { name, bytes, feeds } of standardModels()) {
      const written = encodeModel(decodeModel(bytes));
      assert.deepEqual(encodeModel(decodeModel(written)), written, name);
      const expected = feeds && !/random|bernoulli|dropout/i.test(name) ? await attempt(bytes, feeds) : null;
      if (!feeds || !expected) continue;
      run++;
      assertSame(expected, await attempt(written, feeds), name);
    }
    assert.ok(run >= STANDARD_MODELS_RUN_AT_LEAST, `only ${run} models ran`);
  });
});
