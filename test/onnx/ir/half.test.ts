import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { halfToNumber, numberToHalf } from '../../../src/onnx/ir/numbers.js';

test('float32 values round to the halves that numpy rounds them to', () => {
  const { float32_bits, float16_bits } = JSON.parse(readFileSync('test/datasets/golden/half.json', 'utf8'));
  const values = new Float32Array(Uint32Array.from(float32_bits).buffer);
  for (const [index, value] of values.entries()) assert.equal(numberToHalf(value), float16_bits[index], `${value}`);
});

test('every half survives the way to a number and back', () => {
  for (let pattern = 0; pattern < 0x10000; pattern++) {
    const value = halfToNumber(pattern);
    if (Number.isNaN(value)) assert.ok(Number.isNaN(halfToNumber(numberToHalf(value))));
    else assert.equal(numberToHalf(value), pattern);
  }
});
