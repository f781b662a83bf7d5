import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Model, node } from '../../../src/onnx/ir/graph.js';
import { floats, int64s, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { modelDigest } from '../../../src/onnx/serde/model-digest.js';
import { smallModel } from '../../runtime/small-model.js';

const model = (constants: Record<string, Tensor>, operator = 'Add'): Model =>
  smallModel({
    nodes: [node(operator, ['x', 'a'], ['h']), node('Add', ['h', 'b'], ['y'])],
    inputs: { x: ['float32', [2]] },
    outputs: { y: ['float32', [2]] },
    constants,
  });
const [one, two] = [floats([1, 2], [2]), floats([3, 4], [2])];
const plain = modelDigest(model({ a: one, b: two }));

test('equal models have equal digests', () => {
  assert.equal(modelDigest(model({ a: floats([1, 2], [2]), b: floats([3, 4], [2]) })), plain);
});

test('another graph, constant, name, shape or type has another', () => {
  const others = [
    model({ a: one, b: two }, 'Mul'),
    model({ a: two, b: one }),
    model({ a: one, b: floats([3, 5], [2]) }),
    model({ a: floats([1, 2], [1, 2]), b: two }),
    model({ a: one, b: { ...two, dtype: 'int32' } }),
    model({ a: floats([], [0]), b: int64s([1, 2], [2]) }),
  ].map(modelDigest);
  assert.equal(new Set([plain, ...others]).size, others.length + 1);
});
