import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Model, Node } from '../../../src/onnx/ir/graph.js';
import type { Tensor } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { withUniqueNames } from '../../../src/quantization/names.js';
import { shapesOnSample } from '../../../src/quantization/shapes.js';
import type { Transform, Variant } from '../../../src/quantization/transforms/transform.js';
import { largestDifference, runModel } from '../../onnx/session.js';
import { samplesOf } from '../fixtures.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-transform-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** FP32 sums in another order; the largest seen is 4e-6. */
const TOLERANCE = 5e-5;

export interface Look {
  readonly model: Model;
  readonly input: string;
  readonly tensors: readonly Tensor[];
  readonly selected?: (node: Node) => boolean;
}

const named = (model: Model): Model => ({
  ...model,
  graph: { ...model.graph, nodes: withUniqueNames(model.graph.nodes) },
});

/** The variants of a transform, after each was held against ONNX Runtime's own answer for the model that was given. */
export async function exactVariants(
  transform: Transform,
  look: Look,
): Promise<(Variant & { readonly model: Model })[]> {
  const model = named(look.model);
  const session = { threads: 1, scratch };
  const samples = samplesOf(look.input, look.tensors);
  const indices = look.tensors.map((_, index) => index);
  const variants = await transform({
    ...{ model, samples, calibration: indices, shapes: await shapesOnSample(model, samples, indices, session) },
    ...{
      selected: Object.assign(look.selected ?? (() => true), { excludes: () => false }),
      perChannel: true,
      ...session,
    },
    signal: new AbortController().signal,
  });
  const before = encodeModel(model);
  const feeds = look.tensors.map((tensor) => new Map([[look.input, tensor]]));
  const expected = await Promise.all(feeds.map((each) => runModel(before, each)));
  const results = [];
  for (const variant of variants) {
    const applied = await variant.apply();
    const encoded = encodeModel(applied.model);
    for (const [index, each] of feeds.entries()) {
      const difference = largestDifference(expected[index] as Map<string, Tensor>, await runModel(encoded, each));
      assert.ok(difference < TOLERANCE, `${variant.name}: ${difference}`);
    }
    if (applied.changes > 0) results.push({ ...variant, model: applied.model });
  }
  assert.deepEqual(encodeModel(model), before, 'the given model is not changed');
  return results;
}
