import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { numbers, numberToHalf } from '../../../src/onnx/ir/numbers.js';
import { tensor } from '../../../src/onnx/ir/tensor.js';

test('float32 values round to the halves that numpy rounds them to', () => {
  const { float32_bits, float16_bits } = JSON.parse(readFileSync('test/datasets/golden/half.json', 'utf8'));
  const values = new Float32Array(Uint32Array.from(float32_bits).buffer);
  for (const [index, value] of values.entries()) assert.equal(numberToHalf(value), float16_bits[index], `${value}`);
});

test('every half survives the way to a number and back', () => {
  const patterns = Uint16Array.from({ length: 0x10000 }, (_, pattern) => pattern);
  const values = numbers(tensor('float16', [patterns.length], patterns));
  for (const pattern of patterns) {
    const value = values[pattern] ?? 0;
    const noNumber = (pattern & 0x7c00) === 0x7c00 && (pattern & 0x3ff) !== 0;
    assert.equal(Number.isNaN(value), noNumber);
    assert.equal(numberToHalf(value), noNumber ? 0x7e00 : pattern);
  }
});
