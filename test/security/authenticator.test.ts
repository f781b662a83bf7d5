import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../src/platform/config.js';
import { Authenticator } from '../../src/security/authenticator.js';
import type { Queries } from '../../src/storage/database.js';

test('a key that is made while somebody looks for keys counts from then on', async () => {
  let answer: (row: undefined) => void = () => {};
  const query = {
    selectFrom: () => query,
    select: () => query,
    limit: () => query,
    executeTakeFirst: () => new Promise((resolve) => (answer = resolve)),
  };
  const authenticator = new Authenticator(query as unknown as Queries, undefined);
  const looking = authenticator.needsKey();
  authenticator.keyMade();
  answer(undefined);
  assert.equal(await looking, true);
  assert.equal(await authenticator.needsKey(), true);
});

for (const [what, key] of [
  ['too short', 'x'.repeat(23)],
  ['too long for a header', 'x'.repeat(513)],
  ['with spaces', 'correct horse battery staple'],
  ['with a line break at its end', `${'x'.repeat(32)}\n`],
  ['with letters that a header does not carry', `${'x'.repeat(32)}é`],
] as const) {
  test(`an ADMIN_KEY ${what} is refused at the start, because nobody could present it`, () => {
    assert.throws(() => readConfig({ ADMIN_KEY: key }), /ADMIN_KEY: expected 24 to 512/);
  });
}
