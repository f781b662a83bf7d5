import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
/** 128 bits in base 32 are 26 characters; the first carries only 3 bits. */
const LENGTH = 26;
const TIME_BYTES = 6;

/**
 * A new id: `<prefix>_` and 26 Crockford base-32 characters of 48 bits of Unix milliseconds and 80 random bits (the layout of
 * ULID), so ids sort by creation time.
 */
export function newId<Prefix extends string>(prefix: Prefix, now: number = Date.now()): `${Prefix}_${string}` {
  const bytes = Buffer.concat([Buffer.alloc(TIME_BYTES), randomBytes(10)]);
  bytes.writeUIntBE(now, 0, TIME_BYTES);
  let value = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let i = 0; i < LENGTH; i++) {
    text = ALPHABET[Number(value & 31n)] + text;
    value >>= 5n;
  }
  return `${prefix}_${text}`;
}
