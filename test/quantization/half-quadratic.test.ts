import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gridOf } from '../../src/quantization/block-grid.js';
import { halfQuadratic } from '../../src/quantization/block-half-quadratic.js';

interface Golden {
  readonly bits: number;
  readonly parts: number;
  /** Multiples of 1/4096. */
  readonly weights: readonly number[];
  readonly scale: number;
  readonly zero_point: number;
  readonly integers: readonly number[];
}
const golden: { cases: readonly Golden[] } = JSON.parse(
  readFileSync('test/quantization/golden/half-quadratic.json', 'utf8'),
);

describe('half-quadratic zero points', () => {
  test('are those of the published algorithm, written in NumPy', () => {
    let moved = 0;
    for (const { bits, parts, weights, scale, zero_point, integers } of golden.cases) {
      const block = Float32Array.from(weights, (weight) => weight / 4096);
      const found = new Uint8Array(block.length);
      const grid = halfQuadratic(block, { bits, symmetric: false }, found, parts);
      assert.deepEqual({ ...grid, integers: [...found] }, { scale, zeroPoint: zero_point, integers: [...integers] });
      if (gridOf(block, { bits, symmetric: false }).zeroPoint !== grid.zeroPoint) moved++;
    }
    assert.ok(moved > 0, 'no case shows a difference to the extremes');
  });

  test('a block of zeros stays zero', () => {
    const integers = new Uint8Array(4).fill(9);
    const { scale, zeroPoint } = halfQuadratic(new Float32Array(4), { bits: 4, symmetric: false }, integers, 16);
    assert.deepEqual(
      [...integers].map((integer) => scale * (integer - zeroPoint)),
      [0, 0, 0, 0],
    );
  });
});
