import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRADIENT_RULES } from '../../src/autodiff/rules/index.js';
import { TRAINABLE_OPERATORS } from '../../src/contracts/distill-step.js';

test('the contract names the operators that have a gradient', () => {
  assert.deepEqual([...TRAINABLE_OPERATORS], Object.keys(GRADIENT_RULES).toSorted());
});
