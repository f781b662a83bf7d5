import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canBeSolved } from '../../../src/distillation/derivation/normal-equations.js';

test('layers whose products of inputs take more than 128 MB are not solved', () => {
  const sizes: readonly (readonly [groups: number, inputs: number, solved: boolean])[] = [
    [1, 4095, true],
    [1, 4096, false],
    [1000, 9, true],
    [64, 511, true],
    [64, 576, false],
    [2_000_000, 9, false],
  ];
  for (const [groups, inputs, solved] of sizes) assert.equal(canBeSolved({ groups, inputs }), solved);
});
