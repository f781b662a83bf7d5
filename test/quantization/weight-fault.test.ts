import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node } from '../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { gridOf, roundToNearest } from '../../src/quantization/block-grid.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors } from './fixtures.js';

const [first, middle, last] = randomTensors([32, 32], 3, 1) as [Tensor, Tensor, Tensor];
const values = (change: (value: number, index: number) => number) =>
  floats(
    Array.from({ length: 1024 }, (_, i) => change(Math.cos(i), i)),
    [32, 32],
  );

function network(second: Tensor) {
  const product = (from: string, to: string, weight: string) =>
    node('MatMul', [from, weight], [to], { name: `by_${weight}` });
  return smallModel({
    nodes: [product('x', 'a', 'first'), product('a', 'b', 'second'), product('b', 'y', 'last')],
    inputs: { x: ['float32', [1, 32]] },
    outputs: { y: ['float32', null] },
    constants: { first, second, last },
  });
}

const FAULTS: readonly (readonly [string, Tensor, RegExp])[] = [
  ['NaN', values((value, i) => (i === 7 ? Number.NaN : value)), /"second" is NaN at position 7/],
  ['infinity', values((value, i) => (i === 9 ? Number.NEGATIVE_INFINITY : value)), /is -Infinity at position 9/],
  ['nothing but denormal numbers', values((value) => value * 1e-39), /reaches only 1\.00e-39, too little/],
  ['numbers too far apart', values((value) => value * 3e38), /reaches 3\.00e\+38, too far/],
];
for (const scheme of ['int8_weights', 'int4_weights', 'int8_dynamic'] as const) {
  for (const [what, weight, reason] of FAULTS) {
    test(`${scheme}: weights that hold ${what} stay in float, with the reason`, async () => {
      const { model, nodes } = await quantize(network(weight), { scheme }, null);
      assert.match(nodes.find(({ name }) => name === 'by_second')?.reason ?? '', reason);
      assert.deepEqual(model.graph.initializers.get('second'), weight);
      assert.ok(!model.graph.initializers.has('first'), 'the others are quantized');
    });
  }
}

for (const scheme of ['int8_weights', 'int4_weights'] as const) {
  test(`${scheme}: a column of denormal weights gives as good as 0 beside ordinary ones`, async () => {
    const weight = values((value, i) => (i % 32 === 5 ? value * 1e-39 : value));
    const model = smallModel({
      nodes: [
        node('MatMul', ['x', 'w'], ['h'], { name: 'h' }),
        node('MatMul', ['x', 'v'], ['g'], { name: 'g' }),
        node('MatMul', ['x', 'u'], ['k'], { name: 'k' }),
      ],
      inputs: { x: ['float32', [1, 32]] },
      outputs: { g: ['float32', null], h: ['float32', null], k: ['float32', null] },
      constants: { v: first, w: weight, u: middle },
    });
    const { model: result } = await quantize(model, { scheme }, null);
    const x = floats(
      Array.from({ length: 32 }, (_, i) => 100 * Math.sin(i + 1)),
      [1, 32],
    );
    const found = await runModel(encodeModel(result), new Map([['x', x]]), 'all');
    const h = found.get('h') as Tensor;
    const column = new Float32Array(h.bytes.buffer, h.bytes.byteOffset)[5];
    assert.ok(Math.abs(column ?? 1) < 1e-20, `${column}`);
  });
}

test('a block of denormal weights has no scale that could be inverted', () => {
  const block = new Float32Array(32).fill(-1e-40);
  for (const symmetric of [true, false]) {
    const grid = gridOf(block, { bits: 4, symmetric });
    assert.equal(Math.abs(grid.scale), 0);
    assert.ok(Number.isFinite(roundToNearest(block, grid, 4, new Uint8Array(32))));
  }
});
