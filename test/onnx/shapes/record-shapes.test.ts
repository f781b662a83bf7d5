import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { recordShapes } from '../../../src/onnx/shapes/record-shapes.js';
import { REAL_MODELS } from '../real-models.js';
import { runModel } from '../session.js';

describe('recordShapes', () => {
  for (const { name, path, feeds, missing } of REAL_MODELS) {
    test(`knows every value of ${name}`, { skip: missing }, async () => {
      const model = decodeModel(readFileSync(path));
      const before = encodeModel(model);
      const shapes = await recordShapes(model, (exposed) => runModel(encodeModel(exposed), feeds), feeds);
      assert.deepEqual(encodeModel(model), before);
      for (const node of model.graph.nodes) {
        for (const output of node.outputs)
          assert.ok(output === '' || shapes.has(output), `${output} of ${node.opType}`);
        if (node.opType !== 'Conv') continue;
        const [data, weight] = node.inputs.map((input) => shapes.get(input)?.dims);
        const [output] = node.outputs.map((value) => shapes.get(value)?.dims);
        assert.equal(output?.length, data?.length);
        assert.equal(output?.[0], data?.[0]);
        assert.equal(output?.[1], weight?.[0]);
      }
    });
  }
});
