import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Progress } from '../../src/contracts/job.js';
import { progressReporter } from '../../workers/engine/progress.js';

test('the rest is told by the fraction, or by a step that knows it, even before much is done', () => {
  const sent: Progress[] = [];
  let clock = 0;
  const { report } = progressReporter(
    (progress) => sent.push(progress),
    () => clock,
  );
  const after = (seconds: number, ...told: Parameters<typeof report>) => {
    clock = 1000 * seconds;
    report(...told);
    return sent.at(-1)?.eta_seconds;
  };
  assert.equal(after(1, 'opening', 0.01), null);
  assert.equal(after(2, 'distill', 0.02, {}, 70), 70);
  assert.equal(after(10, 'distill', 0.25), 30);
  assert.equal(after(20, 'distill', 0.5, {}, 0), 0);
});
