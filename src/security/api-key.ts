import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const VISIBLE_CHARACTERS = 8;
const SECRET_BYTES = 32;
const KEY_PATTERN = /^mp_[0-9a-hjkmnp-tv-z]{8}_[A-Za-z0-9_-]{43}$/;

/** SHA-256 of a key. A fast hash is right here: a key has 256 random bits, so there is nothing to guess slowly. */
export const hashOfKey = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** The start of the secret of the key with this id: its last, random characters. A person recognizes the key by it. */
export const prefixOfKey = (id: string): string => `mp_${id.slice(-VISIBLE_CHARACTERS)}`;

/** A new secret for the key with this id: `mp_<8 characters of the id>_<32 random bytes, base64url>`. Only its hash is stored. */
export const newSecret = (id: string): string =>
  `${prefixOfKey(id)}_${randomBytes(SECRET_BYTES).toString('base64url')}`;

/** Whether a text has the form of a key, so that nothing else is looked up. */
export const isKey = (text: string): boolean => KEY_PATTERN.test(text);

/** Compares a presented secret with a stored hash in a time that does not depend on where they differ. */
export const matchesHash = (secret: string, hash: string): boolean =>
  timingSafeEqual(createHash('sha256').update(secret).digest(), Buffer.from(hash, 'hex'));
