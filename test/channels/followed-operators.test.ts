import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COUPLING_RULES } from '../../src/channels/rules/index.js';
import { FOLLOWED_OPERATORS } from '../../src/contracts/derived-student.js';

test('the operators that a caller is told of are those with a rule', () => {
  assert.deepEqual([...FOLLOWED_OPERATORS], Object.keys(COUPLING_RULES).toSorted());
});
