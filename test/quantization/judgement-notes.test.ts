import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors, samplesOf } from './fixtures.js';

const WIDTH = 64;
const weight = (seed: number): Tensor => randomTensors([WIDTH, WIDTH], 1, seed)[0] as Tensor;
/** Three products: the one in the middle is in few bits. */
const network: Model = smallModel({
  nodes: [
    node('MatMul', ['x', 'w1'], ['a'], { name: 'first' }),
    node('Relu', ['a'], ['r'], { name: 'relu' }),
    node('MatMul', ['r', 'w2'], ['b'], { name: 'middle' }),
    node('MatMul', ['b', 'w3'], ['y'], { name: 'last' }),
  ],
  inputs: { x: ['float32', [8, WIDTH]] },
  outputs: { y: ['float32', null] },
  constants: { w1: weight(1), w2: weight(2), w3: weight(3) },
});
const rows = randomTensors([8, WIDTH], 4, 4);
const huge = rows.map((tensor) =>
  floats(
    elements(tensor, 'float32').map((value) => value * 1e24),
    tensor.dims,
  ),
);
const gptq = { bits: 4, method: 'gptq', symmetric: false } as const;

describe('a report says', () => {
  for (const only_what_pays of [true, false]) {
    test(`which weights gptq rounds to nearest after all, only_what_pays ${only_what_pays}`, async () => {
      const step = { scheme: 'int4_weights', weights: gptq, only_what_pays } as const;
      const { notes } = await quantize(network, step, samplesOf('x', huge), { count: 4 });
      assert.match(notes.join('\n'), /Rounded to nearest, not by gptq: w2\. .* overflows/);
      const ordinary = await quantize(network, step, samplesOf('x', rows), { count: 4 });
      assert.doesNotMatch(ordinary.notes.join('\n'), /Rounded to nearest/);
    });
  }

  test('on which samples variants were compared when none are held out', async () => {
    const step = { scheme: 'int8_static', only_what_pays: false, weight_ranges: 'mse' } as const;
    const heldOut = await quantize(network, step, samplesOf('x', rows), { count: 4 });
    assert.match(heldOut.notes.join('\n'), /on selection samples/);
    assert.doesNotMatch(heldOut.notes.join('\n'), /held out/);
    const { notes } = await quantize(network, step, samplesOf('x', rows), { count: 4, selection: [] });
    assert.match(notes.join('\n'), /on calibration samples/);
    assert.match(notes.join('\n'), /No samples are held out for selection/);
    const plain = await quantize(network, { scheme: 'int8_static', only_what_pays: false }, samplesOf('x', rows), {
      count: 4,
      selection: [],
    });
    assert.doesNotMatch(plain.notes.join('\n'), /held out/, 'nothing was compared');
  });
});
