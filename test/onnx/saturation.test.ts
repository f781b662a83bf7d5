import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensor } from '../../src/onnx/ir/tensor.js';
import { convSumOrder, isExactOnEveryCpu, matrixSumOrder, type SumOrder } from '../../src/onnx/saturation.js';

const int8 = (dims: readonly number[], values: readonly number[]) => tensor('int8', dims, Int8Array.from(values));

const CASES: readonly (readonly [
  name: string,
  dims: readonly number[],
  values: readonly number[],
  order: SumOrder,
  exact: boolean,
])[] = [
  ['64 + 64 fits', [2, 1], [64, 64], matrixSumOrder(), true],
  ['64 + 65 does not', [2, 1], [64, 65], matrixSumOrder(), false],
  ['-64 - 65 does not', [2, 1], [-64, -65], matrixSumOrder(), false],
  ['opposite signs never saturate', [2, 1], [127, -127], matrixSumOrder(), true],
  ['pairs are (0, 1) and (2, 3), not (1, 2)', [4, 1], [0, 127, 127, 0], matrixSumOrder(), true],
  ['an odd last element stands alone', [3, 1], [0, 0, 127], matrixSumOrder(), true],
  ['MatMul pairs run down a column', [2, 2], [127, 1, 1, 127], matrixSumOrder(), true],
  ['and a transposed Gemm pairs along a row', [2, 2], [127, 0, 2, 127], matrixSumOrder(true), false],
  ['Conv pairs channels first', [1, 2, 1, 2], [100, 0, 100, 0], convSumOrder(4), false],
  ['and kernel positions after them', [1, 2, 1, 2], [100, 100, 0, 0], convSumOrder(4), true],
  ['with one channel, kernel positions are neighbours', [1, 1, 1, 2], [100, 100], convSumOrder(4), false],
  ['any output channel counts', [2, 2, 1, 1], [1, 1, 127, 127], convSumOrder(4), false],
];

describe('isExactOnEveryCpu', () => {
  for (const [name, dims, values, order, exact] of CASES) {
    it(name, () => assert.equal(isExactOnEveryCpu(int8(dims, values), order), exact));
  }
});
