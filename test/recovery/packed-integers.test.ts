import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LARGEST_PAIR, matrixSumOrder, pairSum } from '../../src/onnx/saturation.js';
import { packBits, unpackBits } from '../../src/quantization/pack-bits.js';
import { integerType, usedRange } from '../../src/recovery/packed-integers.js';
import { withSafePairs } from '../../src/recovery/safe-pairs.js';

const floatsOf = (...values: number[]) => Float32Array.from(values);

test('packed integers are read again without the fillings, rows of odd length too', () => {
  const integers = Uint8Array.of(1, 2, 3, 15, 4, 5);
  assert.deepEqual(unpackBits(packBits(integers, 4, 3, 8), 4, 6, 3), integers);
  assert.deepEqual([...unpackBits(Uint8Array.of(0b00111001, 0b11), 2, 5)], [1, 2, 3, 0, 3]);
});

for (const [dtype, integers] of [
  ['int4', [-8, 7, -1, 0, 3]],
  ['uint4', [0, 15, 8, 1, 3]],
  ['int8', [-127, 127, 0, -1]],
  ['uint8', [0, 255, 128]],
] as const) {
  test(`${dtype} is read and written without loss`, () => {
    const type = integerType(dtype) ?? assert.fail(`no ${dtype}`);
    const stored = type.write([integers.length], floatsOf(...integers));
    assert.equal(stored.dtype, dtype);
    assert.deepEqual([...type.read(stored)], [...integers]);
  });
}

test('weights of 3 bits in a type of 4 keep to the range of 3', () => {
  assert.deepEqual(usedRange(floatsOf(0, 7, 3), [0, 15]), [0, 7]);
  assert.deepEqual(usedRange(floatsOf(0, 3, 1), [0, 15]), [0, 3]);
  assert.deepEqual(usedRange(floatsOf(0, 8), [0, 15]), [0, 15]);
  assert.deepEqual(usedRange(floatsOf(-4, 3), [-8, 7]), [-4, 3]);
  assert.deepEqual(usedRange(floatsOf(-127, 100), [-127, 127]), [-127, 127]);
});

test('a pair that could saturate gives way, the larger one first, and others stay', () => {
  const safe = withSafePairs(floatsOf(120, 60, 120, -60, 64, 64, -100, -90), [8, 1], matrixSumOrder());
  assert.deepEqual([...safe], [68, 60, 120, -60, 64, 64, -64, -64]);
  for (let k = 0; k < safe.length; k += 2) assert.ok(pairSum(safe[k] ?? 0, safe[k + 1] ?? 0) <= LARGEST_PAIR);
});

test('weights that ran away to NaN do not hold anything up', () => {
  withSafePairs(floatsOf(Number.NaN, 1, 2, 3), [4, 1], matrixSumOrder());
});
