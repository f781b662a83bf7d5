import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import type { CandidateReport } from '../../src/contracts/report.js';
import { concludeSearch } from '../../workers/steps/conclude-search.js';
import type { TaskSamples } from '../../workers/steps/task-samples.js';
import { sha256Of } from '../../workers/steps/written-model.js';
import { arraySamples } from '../evaluation/array-samples.js';
import { classifier } from './models.js';
import { modelFiles, stepContext } from './step-context.js';

const root = mkdtempSync(join(tmpdir(), 'modelpress-conclude-'));
after(() => rmSync(root, { recursive: true, force: true }));

const EVALUATION = Array.from({ length: 40 }, (_, index) => index);
const PLAN = { file: 'plan.json', name: 'plan.json', role: 'plan' } as const;
const CHOSEN: CandidateReport = {
  ...{ scheme: 'int8_weights', variant: 'only what pays', chosen: true, on_front: true, refused: null },
  ...{ bytes: 1, metric: 1, metric_drop: null, output_sqnr_db: null, speedup: 1.2 },
};

/** Concludes a search whose choice is the classifier with the weights of the given seed; that of seed 1 is the original. */
async function conclude(seed: number, require?: object) {
  const scratch = mkdtempSync(join(root, 'scratch-'));
  const original = await modelFiles(join(root, 'original.onnx'), classifier());
  const model = await modelFiles(join(scratch, 'model.onnx'), classifier(seed));
  const step = QuantizeStep.parse({ type: 'quantize', scheme: 'int8_weights' });
  const recipe = { step, variant: '', pin_shapes: false, float_nodes: [] };
  const spec = {
    ...{ steps: [{ type: 'quantize', scheme: 'auto' }], require },
    evaluate: { metric: 'agreement', latency: { runs: 40 } },
  };
  const plan = {
    ...{ object: 'plan', version: 1, model: original.sha256, dataset: null, seed: 0, instruction_sets: [] },
    ...{ recipe, candidates: [CHOSEN] },
  };
  writeFileSync(join(scratch, PLAN.file), JSON.stringify(plan));
  const context = await stepContext(scratch, original, spec);
  const samples = arraySamples(
    EVALUATION.map((row) => [1, 2, 3, 4].map((column) => Math.sin(row * 7 + column * column))),
  );
  const splits = { calibration: [], training: [], selection: [], evaluation: EVALUATION };
  const data: TaskSamples = { samples, splits, synthetic: false, described: {}, notes: [] };
  const stage = {
    ...{ type: 'quantize' as const, scheme: 'auto', seconds: 1, peak_memory_bytes: 1, integer_nodes: 2 },
    ...{ bytes: model.bytes, sha256: model.sha256, candidates: [CHOSEN], notes: [] },
  };
  const made = { model, cleaned: null, stage, nodes: [], files: [PLAN] };
  const result = await concludeSearch(context, data, made, [PLAN], 0.5);
  const kept = (name: string) => result.files.find((file) => file.name === name)?.role;
  return { result, original, model, scratch, kept, plan: JSON.parse(readFileSync(join(scratch, PLAN.file), 'utf8')) };
}

describe('the end of a search', () => {
  test('a choice that evaluation samples speak against gives way to the original', async () => {
    const { result, original, scratch, kept, plan } = await conclude(2);
    assert.equal(result.report?.result.sha256, original.sha256);
    assert.equal(await sha256Of(join(scratch, 'model.onnx')), original.sha256);
    assert.equal(kept('model.onnx'), 'model');
    assert.equal(kept('candidate-0.onnx'), 'candidate');
    assert.ok(existsSync(join(scratch, 'candidate-0.onnx')));
    const [refused, last] = result.report?.candidates ?? [];
    assert.equal(refused?.chosen, false);
    assert.match(refused?.refused ?? '', /^loses 0\.\d+ of agreement on the evaluation samples$/);
    assert.deepEqual([last?.scheme, last?.chosen], ['original', true]);
    assert.match(result.report?.notes.join() ?? '', /The original is the result, unchanged/);
    assert.equal(plan.recipe.step, null, 'carried out again, the plan gives the original too');
  });

  test('a good choice stays, and requirements decide by themselves', async () => {
    for (const { result, model } of [await conclude(1), await conclude(2, { max_size_ratio: 0.5 })]) {
      assert.equal(result.report?.result.sha256, model.sha256);
      assert.equal(result.report?.candidates[0]?.chosen, true);
    }
  });
});
