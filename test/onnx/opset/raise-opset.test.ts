import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { graphsOf } from '../../../src/onnx/ir/visit-graphs.js';
import { raiseOpset } from '../../../src/onnx/opset/raise-opset.js';
import { constantNodes } from '../../../src/onnx/passes/constant-nodes.js';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../../src/platform/errors.js';
import { REAL_MODELS } from '../real-models.js';
import { largestDifference, runModel, type Values } from '../session.js';
import { standardModels, standardModelsMissing } from '../standard-models.js';

/** Other kernels may add in another order. */
const TOLERANCE = 1e-6;
const TARGETS = [13, 18, 21];
/** Raises of standard models that run before and after; fewer means that something broke before the comparison. */
const STANDARD_RAISES_AT_LEAST = 1700;
/** Operators that have no equal in the newer set. */
const REFUSED = ['node/test_dft', 'node/test_dft_axis', 'node/test_dft_inverse', 'node/test_scan_sum'];

function raised(bytes: Uint8Array, target: number): Uint8Array {
  const model = decodeModel(bytes);
  for (const graph of graphsOf(model.graph)) constantNodes.run(graph);
  return encodeModel(raiseOpset(model, target).model);
}

describe('raiseOpset', () => {
  for (const { name, path, feeds, missing } of REAL_MODELS) {
    test(`${name} to 13 and 21 keeps its outputs`, { skip: missing }, async () => {
      const bytes = readFileSync(path);
      const expected = await runModel(bytes, feeds);
      for (const target of TARGETS) {
        assert.ok(
          largestDifference(expected, await runModel(raised(bytes, target), feeds)) <= TOLERANCE,
          `to ${target}`,
        );
      }
    });
  }

  test('operator models of the ONNX project keep their outputs', { skip: standardModelsMissing }, async () => {
    const failures: string[] = [];
    const refused: string[] = [];
    let run = 0;
    for (const { name, bytes, feeds } of standardModels()) {
      const opset = decodeModel(bytes).opsets.get('') ?? 0;
      if (!feeds || opset < 7 || /random|bernoulli|dropout/i.test(name)) continue;
      const expected = await runModel(bytes, feeds).catch(() => null);
      if (!expected) continue;
      for (const target of TARGETS.filter((version) => version > opset)) {
        try {
          const found: Values = await runModel(raised(bytes, target), feeds);
          if (!(largestDifference(expected, found) <= TOLERANCE)) failures.push(`${name} ${opset}→${target}`);
          run++;
        } catch (error) {
          if (error instanceof ServiceError && error.code === 'unsupported_opset') refused.push(name);
          else failures.push(`${name} ${opset}→${target} ${error}`);
        }
      }
    }
    assert.deepEqual(failures, []);
    assert.deepEqual([...new Set(refused)].sort(), REFUSED);
    assert.ok(run >= STANDARD_RAISES_AT_LEAST, `only ${run} models were raised`);
  });
});
