import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from '../../../src/api/uploads/slots.js';

const forever = new AbortController().signal;

/** Works that end when they are told to, and the order in which they began. */
function works() {
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    began,
    start: (slots: Slots, owner: string, name: string, signal = forever) =>
      slots.run(owner, signal, () => {
        began.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      }),
    end: (name: string) => ends.get(name)?.(),
  };
}

test('an owner with a place lets the others go first, and nobody waits while a place is free', async () => {
  const slots = new Slots(2);
  const { began, start, end } = works();
  const all = [
    ...['a1', 'a2', 'a3', 'a4'].map((name) => start(slots, 'a', name)),
    start(slots, 'b', 'b1'),
    start(slots, 'c', 'c1'),
  ];
  assert.deepEqual(began, ['a1', 'a2']);
  for (const name of ['a1', 'b1', 'c1', 'a2', 'a3', 'a4']) {
    await new Promise(setImmediate);
    end(name);
  }
  await Promise.all(all);
  assert.deepEqual(began, ['a1', 'a2', 'b1', 'c1', 'a3', 'a4']);
});

test('who leaves the line is not waited for, and a failure gives its place back', async () => {
  const slots = new Slots(1);
  const { began, start, end } = works();
  const first = start(slots, 'a', 'first');
  const leaving = new AbortController();
  const left = start(slots, 'b', 'left', leaving.signal);
  const failing = slots.run('c', forever, () => Promise.reject(new Error('it failed')));
  const last = start(slots, 'd', 'last');
  leaving.abort(new Error('gone'));
  await assert.rejects(left, /gone/);
  end('first');
  await first;
  await assert.rejects(failing, /it failed/);
  await new Promise(setImmediate);
  end('last');
  await last;
  assert.deepEqual(began, ['first', 'last']);
});
