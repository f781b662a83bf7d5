import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesBeside } from '../../../src/onnx/ir/fresh-names.js';

test('a name is the hint, or the hint with the first number that is free, and is taken from then on', () => {
  const taken = new Set(['a', 'a_2', 'b']);
  const fresh = namesBeside(taken);
  const hints = ['a', 'a', 'c', 'a_1', 'b', 'a', 'c'];
  assert.deepEqual(hints.map(fresh), ['a_1', 'a_3', 'c', 'a_1_1', 'b_1', 'a_4', 'c_1']);
  taken.add('c_2');
  assert.equal(fresh('c'), 'c_3');
});
