import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { numbers } from '../../../src/onnx/ir/numbers.js';
import { tensor } from '../../../src/onnx/ir/tensor.js';

/** Patterns and values from IEEE 754 (binary16) and the definition of bfloat16 as float32's upper half. */
const HALVES: readonly (readonly [pattern: number, value: number])[] = [
  [0x0000, 0],
  [0x8000, -0],
  [0x3c00, 1],
  [0xc000, -2],
  [0x3555, 0.333251953125],
  [0x7bff, 65504],
  [0x0400, 2 ** -14],
  [0x0001, 2 ** -24],
  [0x03ff, 1023 * 2 ** -24],
  [0x7c00, Number.POSITIVE_INFINITY],
  [0xfc00, Number.NEGATIVE_INFINITY],
  [0x7e00, Number.NaN],
];
const BRAIN: readonly (readonly [pattern: number, value: number])[] = [
  [0x3f80, 1],
  [0xc000, -2],
  [0x3eab, 0.333984375],
  [0x7f80, Number.POSITIVE_INFINITY],
];

describe('numbers', () => {
  for (const [dtype, table] of [
    ['float16', HALVES],
    ['bfloat16', BRAIN],
  ] as const) {
    it(`reads ${dtype}`, () => {
      const patterns = Uint16Array.from(table, ([pattern]) => pattern);
      assert.deepEqual(
        Array.from(numbers(tensor(dtype, [table.length], patterns))),
        table.map(([, value]) => value),
      );
    });
  }
  it('reads 64-bit integers and bools', () => {
    assert.deepEqual(Array.from(numbers(tensor('int64', [2], BigInt64Array.from([-1n, 2n ** 40n])))), [-1, 2 ** 40]);
    assert.deepEqual(Array.from(numbers(tensor('uint64', [1], BigUint64Array.from([3n])))), [3]);
    assert.deepEqual(Array.from(numbers(tensor('bool', [2], Uint8Array.from([0, 1])))), [0, 1]);
  });
  it('refuses what has no plain numbers', () => {
    assert.throws(() => numbers({ dtype: 'string', dims: [0], bytes: new Uint8Array(0) }), TypeError);
  });
});
