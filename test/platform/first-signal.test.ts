import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { firstSignal } from '../../src/platform/first-signal.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a wait runs out although garbage is collected while it lasts', async () => {
  const source = new AbortController();
  const over = new Promise<void>((resolve) => {
    firstSignal([source.signal], 20).addEventListener('abort', () => resolve(), { once: true });
  });
  collectGarbage();
  await over;
});

test('the first source decides, with its reason', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const signal = firstSignal([first.signal, second.signal], 60_000);
  const aborted = once(signal, 'abort');
  second.abort('second');
  await aborted;
  first.abort('first');
  assert.equal(signal.reason, 'second');
});

test('a source that has aborted already decides at once', () => {
  assert.equal(firstSignal([new AbortController().signal, AbortSignal.abort('gone')], 60_000).reason, 'gone');
});
