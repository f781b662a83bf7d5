import type { FieldError } from '../contracts/problem.js';
import { isStorable } from '../platform/storable-text.js';

/** Members of one object: a manifest has 64 arrays. Every member that a schema refuses costs far more than to count it. */
const MAX_MEMBERS = 1000;

const UNSTORABLE = {
  code: 'unstorable_text',
  message: 'A text may hold neither NUL nor half of a surrogate pair.',
} as const;

/** Where a value lies: its key, and the place of what holds it. */
interface Place {
  readonly key: PropertyKey;
  readonly within: Place | null;
}
type Refusal = Omit<FieldError, 'pointer'> & { readonly path: readonly PropertyKey[] };

/** What no schema has to look at: an object with too many members, or text that no record can hold; null when there is none. */
export function firstRefusal(value: unknown): Refusal | null {
  // A stack of our own: a body may be nested a hundred thousand deep.
  const open: { readonly value: unknown; readonly at: Place | null }[] = [{ value, at: null }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value: found, at } = next;
    if (typeof found === 'string' && !isStorable(found)) return { path: pathOf(at), ...UNSTORABLE };
    if (typeof found !== 'object' || found === null) continue;
    const keys = Array.isArray(found) ? found.keys() : Object.keys(found);
    if (Array.isArray(keys)) {
      if (keys.some((key) => !isStorable(key))) return { path: pathOf(at), ...UNSTORABLE };
      if (keys.length > MAX_MEMBERS) {
        const expected = `at most ${MAX_MEMBERS} members`;
        return { path: pathOf(at), code: 'too_big', message: `Expected ${expected}, got ${keys.length}.`, expected };
      }
    }
    for (const key of keys) {
      const member = (found as Record<PropertyKey, unknown>)[key];
      if (typeof member === 'string' || typeof member === 'object')
        open.push({ value: member, at: { key, within: at } });
    }
  }
  return null;
}

function pathOf(place: Place | null): readonly PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let at = place; at !== null; at = at.within) path.push(at.key);
  return path.reverse();
}
