import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { carryOut } from '../../src/search/carry-out.js';
import { arraySamples } from '../evaluation/array-samples.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { randomTensors } from '../quantization/fixtures.js';
import { smallModel } from '../runtime/small-model.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-search-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A product that is reshaped by its own shape: once shapes are pinned, two nodes have nothing left to compute. */
const model = (): Model =>
  smallModel({
    nodes: [
      node('MatMul', ['x', 'w'], ['m'], { name: 'first' }),
      node('Shape', ['m'], ['s'], { name: 'shape' }),
      node('Concat', ['s', 'one'], ['t'], { name: 'target', attributes: { axis: 0 } }),
      node('Reshape', ['m', 't'], ['r'], { name: 'reshape' }),
      node('MatMul', ['r', 'v'], ['y'], { name: 'second' }),
    ],
    inputs: { x: ['float32', ['n', 32]] },
    outputs: { y: ['float32', null] },
    constants: {
      w: randomTensors([32, 64], 1, 1)[0] as Tensor,
      v: randomTensors([1, 8], 1, 2)[0] as Tensor,
      one: int64s([1]),
    },
  });

test('a pinned recipe gives the same answers with fewer nodes, and equal bytes every time', async () => {
  const rows = Array.from({ length: 6 }, (_, row) => Array.from({ length: 32 }, (_, i) => Math.sin(row * 7 + i)));
  const samples = arraySamples(rows);
  const make = (pin_shapes: boolean) =>
    carryOut(
      { step: QuantizeStep.parse({ type: 'quantize', scheme: 'optimized' }), variant: '', pin_shapes, float_nodes: [] },
      {
        ...{ model: model(), samples, batch: 2, calibration: [0, 1, 2], selection: [3, 4], threads: 1, scratch },
        ...{ cpu: { instructionSets: ['avx2'] }, signal: new AbortController().signal, progress: () => {} },
      },
    );
  const { model: open } = await make(false);
  const { model: pinned, notes } = await make(true);
  assert.match(notes.join(' '), /pinned to what the dataset sends, 2 at a time: 2 nodes/);
  assert.ok(pinned.graph.nodes.length < open.graph.nodes.length);
  assert.deepEqual(pinned.graph.inputs[0]?.type, { kind: 'tensor', dtype: 'float32', shape: [2, 32] });
  const feeds = await samples.feeds([3, 4]);
  const expected = await runModel(encodeModel(model()), feeds, 'all');
  assert.ok(largestDifference(expected, await runModel(encodeModel(pinned), feeds, 'all')) < 1e-5);
  assert.deepEqual(encodeModel((await make(true)).model), encodeModel(pinned));
});
