import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuClass, nodesThatPay, type Workload } from '../../src/quantization/what-pays.js';

const pointwise = (k: number, n: number, rows: number): Workload => ({ kind: 'pointwise', k, n, rows });
const grouped: Workload = { kind: 'few_channels', k: 25, n: 240, rows: 240 };
const chosen = (layers: Record<string, Workload>, cpu: 'vnni' | 'avx2') => [
  ...nodesThatPay(new Map(Object.entries(layers)), cpu),
];

test('a dot product of four bytes makes the fast class, whatever it is called', () => {
  assert.equal(cpuClass(['avx2', 'avx512f']), 'avx2');
  for (const name of ['avx512_vnni', 'avx_vnni', 'amx_int8', 'neon_dot']) assert.equal(cpuClass([name]), 'vnni');
});

test('with VNNI everything that is wide enough pays; grouped layers and squeeze-excite never do', () => {
  const layers = {
    wide: pointwise(64, 64, 400),
    narrow: pointwise(32, 64, 400),
    gate: pointwise(480, 120, 1),
    grouped,
  };
  assert.deepEqual(chosen(layers, 'vnni'), ['wide']);
});

test('without VNNI a product of one row pays when its weights are large', () => {
  const row = (k: number): Workload => ({ kind: 'dynamic_matrix', k, n: k, rows: 1 });
  assert.deepEqual(chosen({ large: row(1024), small: row(128) }, 'avx2'), ['large']);
});

test('where nothing pays, a few nodes that lose least run in integer, and no more than costs nearly nothing', () => {
  const one = pointwise(480, 480, 120);
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`layer${i}`, one]));
  const found = chosen({ ...many, grouped }, 'avx2');
  assert.ok(found.length > 0 && found.length < 10, `${found.length} of 20`);
  assert.deepEqual(chosen({ grouped, thin: pointwise(16, 16, 400) }, 'avx2'), []);
});
