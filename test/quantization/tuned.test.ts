import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from './fixtures.js';

const width = 128;
const inputs = randomTensors([1, 4, width], 4, 60);
const weights = (dims: readonly number[], seed: number) => randomTensors(dims, 1, seed)[0] as Tensor;

/** A residual before a LayerNormalization, which ONNX Runtime would fuse into a slow kernel. */
const block = (): Model =>
  smallModel({
    nodes: [
      node('MatMul', ['x', 'w'], ['m'], { name: 'product' }),
      node('Add', ['m', 'x'], ['a'], { name: 'residual' }),
      node('LayerNormalization', ['a', 'gain', 'bias'], ['y'], { name: 'norm' }),
    ],
    inputs: { x: ['float32', [1, 4, width]] },
    outputs: { y: ['float32', null] },
    constants: {
      w: weights([width, width], 61),
      gain: floats(new Array(width).fill(1)),
      bias: floats(new Array(width).fill(0)),
    },
  });

/** Largest difference that the number format may make in normalized values. */
const CASES = [
  { scheme: 'optimized', tolerance: 1e-5 },
  { scheme: 'int8_dynamic', tolerance: 0.1 },
  { scheme: 'int8_static', tolerance: 0.1 },
] as const;

for (const { scheme, tolerance } of CASES) {
  test(`${scheme} suits what runs in float to the CPU, with the same answers and equal bytes every time`, async () => {
    const run = () =>
      quantize(block(), { scheme, only_what_pays: scheme === 'optimized' }, samplesOf('x', inputs), {
        count: 4,
        cpu: { instructionSets: AVX2 },
      });
    const { model, cleaned, passes, nodes } = await run();
    assert.ok(passes?.some(({ name }) => name === 'residual_sum'));
    for (const of of [model, cleaned]) assert.ok(of.graph.nodes.some(({ opType }) => opType === 'Sum'));
    for (const { name, integer, reason } of nodes) assert.ok(integer, `${name}: ${reason}`);
    const feeds = new Map([['x', inputs[0] as Tensor]]);
    const [original, cleanedOutputs, result] = [
      await runModel(encodeModel(block()), feeds, 'all'),
      await runModel(encodeModel(cleaned), feeds, 'all'),
      await runModel(encodeModel(model), feeds, 'all'),
    ];
    assert.ok(largestDifference(original, cleanedOutputs) < 1e-5);
    assert.ok(largestDifference(original, result) < tolerance);
    assert.deepEqual(encodeModel((await run()).model), encodeModel(model));
  });
}
