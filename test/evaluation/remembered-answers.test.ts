import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RememberedAnswers } from '../../src/evaluation/remembered-answers.js';
import { floats } from '../../src/onnx/ir/tensor.js';

test('answers are computed once for the same samples, and again where they do not fit', async () => {
  const computed: string[] = [];
  const ask = (answers: RememberedAnswers, rows: readonly number[]) =>
    answers.of(rows, async () => {
      computed.push(rows.join());
      return floats(rows);
    });
  const answers = new RememberedAnswers(12);
  for (const rows of [[1, 2], [1, 2], [2, 1], [3], [3]]) assert.deepEqual(await ask(answers, rows), floats(rows));
  assert.deepEqual(computed, ['1,2', '2,1', '3'], 'eight bytes and four fit, not eight more');
  await ask(answers, [2, 1]);
  assert.deepEqual(computed, ['1,2', '2,1', '3', '2,1']);
});
