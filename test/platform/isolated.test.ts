import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '../../src/platform/errors.js';
import { runIsolated } from '../../src/platform/isolated.js';

const run = (work: string, milliseconds = 60_000, signal = new AbortController().signal) =>
  runIsolated(new URL('./isolated-work.js', import.meta.url), work, { milliseconds, heapMebibytes: 32 }, signal);

test('an answer comes out of the thread', async () => {
  assert.deepEqual(await run('answer'), { answer: 42 });
});

test('a refusal comes out whole, but for its cause', async () => {
  await assert.rejects(run('refuse'), (error: unknown) => {
    assert.ok(error instanceof ServiceError);
    assert.deepEqual(
      [error.code, error.detail, error.context],
      ['invalid_model', 'It contradicts itself.', { hint: 'Mend it.' }],
    );
    return true;
  });
});

test('work without end is ended at its time limit', async () => {
  await assert.rejects(run('endless', 300), { code: 'scan_limit_exceeded', message: /300 ms/ });
});

test('work that fills its heap is ended, and this process lives on', async () => {
  await assert.rejects(run('memory'), { code: 'scan_limit_exceeded', message: /32 MiB/ });
});

test('a mistake of ours is no refusal', async () => {
  await assert.rejects(run('bug'), (error: unknown) => error instanceof Error && !(error instanceof ServiceError));
  await assert.rejects(run('exit'), /ended with code 3/);
});

test('an abort ends endless work with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = run('endless', 60_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(running, reason);
});
