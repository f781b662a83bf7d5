import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../src/platform/ids.js';
import { hashOfKey, isKey, matchesHash, newSecret, prefixOfKey } from '../../src/security/api-key.js';

test('a key is recognized by its id, carries 256 random bits, and matches only its own hash', () => {
  const id = newId('key');
  const [secret, other] = [newSecret(id), newSecret(id)];
  assert.match(secret, /^mp_[0-9a-z]{8}_[A-Za-z0-9_-]{43}$/);
  assert.ok(secret.startsWith(`${prefixOfKey(id)}_`));
  assert.notEqual(secret, other);
  assert.ok(matchesHash(secret, hashOfKey(secret)));
  assert.ok(!matchesHash(other, hashOfKey(secret)));
});

for (const [text, expected] of [
  [newSecret(newId('key')), true],
  ['', false],
  ['mp_', false],
  [`${newSecret(newId('key'))}x`, false],
  [`sk_${newSecret(newId('key')).slice(3)}`, false],
] as const) {
  test(`${JSON.stringify(text.slice(0, 12))} ${expected ? 'has' : 'has not'} the form of a key`, () => {
    assert.equal(isKey(text), expected);
  });
}
