import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cleanUp, WORKING_OPSET } from '../../../src/onnx/passes/clean-up.js';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import type { RunModel } from '../../../src/onnx/shapes/record-shapes.js';
import { REAL_MODELS } from '../real-models.js';
import { largestDifference, runModel } from '../session.js';
import { standardModels, standardModelsMissing } from '../standard-models.js';

const run: RunModel = (model) => runModel(encodeModel(model), new Map());
/** Of the largest output, or of 1 for probabilities that are all small. */
const TOLERANCE = 1e-5;
/** Standard models that run before and after. */
const STANDARD_MODELS_AT_LEAST = 800;

/** What the clean-up must find in networks whose weaknesses are known (reference: the export spells HardSwish and scales out). */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'PP-OCR cls': ['hard_sigmoid', 'fold_into_producer'],
  'PP-OCR rec': ['hard_sigmoid', 'fold_into_producer', 'fold_into_consumers', 'fold_constants'],
  'PP-OCR det': ['hard_sigmoid', 'fold_into_producer', 'fold_into_consumers', 'gated_residual'],
};

describe('cleanUp', () => {
  for (const { name, path, feeds, missing } of REAL_MODELS) {
    test(`${name} gives equal answers`, { skip: missing }, async () => {
      const bytes = readFileSync(path);
      const original = decodeModel(bytes);
      const { model, passes } = await cleanUp(original, { run });
      const cleaned = encodeModel(model);
      assert.ok(largestDifference(await runModel(bytes, feeds), await runModel(cleaned, feeds), 1) <= TOLERANCE);
      const found = passes.map((pass) => pass.name);
      for (const pass of EXPECTED[name] ?? []) assert.ok(found.includes(pass), `${pass} found nothing`);
      assert.ok((model.opsets.get('') ?? 0) >= WORKING_OPSET);
      assert.deepEqual(encodeModel(original), encodeModel(decodeModel(bytes)), 'the given model was changed');
      const again = await cleanUp(model, { run });
      assert.deepEqual(again.passes, [], 'a second clean-up finds more');
      assert.deepEqual(
        encodeModel((await cleanUp(original, { run })).model),
        cleaned,
        'the result depends on more than the model',
      );
    });
  }

  test('operator models of the ONNX project keep their answers', { skip: standardModelsMissing }, async () => {
    const failures: string[] = [];
    let compared = 0;
    for (const { name, bytes, feeds } of standardModels()) {
      const opset = decodeModel(bytes).opsets.get('') ?? 0;
      if (!feeds || opset < 7 || /random|bernoulli|dropout|dft|scan_sum/i.test(name)) continue;
      const expected = await runModel(bytes, feeds).catch(() => null);
      if (!expected) continue;
      try {
        const { model } = await cleanUp(decodeModel(bytes), { run });
        if (!(largestDifference(expected, await runModel(encodeModel(model), feeds)) <= TOLERANCE)) failures.push(name);
        compared++;
      } catch (error) {
        failures.push(`${name}: ${error}`);
      }
    }
    assert.deepEqual(failures, []);
    assert.ok(compared >= STANDARD_MODELS_AT_LEAST, `only ${compared} models were compared`);
  });
});
