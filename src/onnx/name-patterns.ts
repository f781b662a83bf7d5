import { ServiceError } from '../platform/errors.js';

/**
 * A glob as a test: `*` stands for any characters, everything else for itself. Pieces are looked for from left to right, which is
 * linear; a regular expression of many stars would let a hostile pattern take for ever.
 */
function glob(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*');
  const first = pieces[0] as string;
  const last = pieces[pieces.length - 1] as string;
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const piece of pieces.slice(1, -1)) {
      const found = text.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= text.length - last.length;
  };
}

/** Number of single-character edits between two words (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Names are compared up to this length, so that a hostile pattern costs little. */
const SUGGESTION_LENGTH = 128;
/** A model may have very many nodes; a suggestion is looked for among the first ones. */
const SUGGESTION_CANDIDATES = 5000;

function closest(word: string, candidates: readonly string[]): string | undefined {
  const target = word.slice(0, SUGGESTION_LENGTH).toLowerCase();
  let best: { name: string; distance: number } | undefined;
  for (const name of candidates.slice(0, SUGGESTION_CANDIDATES)) {
    const distance = editDistance(target, name.slice(0, SUGGESTION_LENGTH).toLowerCase());
    if (!best || distance < best.distance) best = { name, distance };
  }
  return best && best.distance <= Math.max(2, target.length / 3) ? best.name : undefined;
}

/** What a pattern is looked for among, in words. */
export type Named = 'node or operator type' | 'tensor';
const CODE: Readonly<Record<Named, string>> = { 'node or operator type': 'unknown_node', tensor: 'unknown_tensor' };

export interface Pattern {
  readonly pattern: string;
  /** JSON pointer of the pattern within the step. */
  readonly pointer: string;
}

/**
 * A test whether a name fits any of the patterns, which are names or globs with *.
 * @param names all that there are
 * @throws ServiceError unknown_node when a pattern fits none of them, with the nearest one as a hint
 */
export function fitsAny(
  patterns: readonly Pattern[],
  names: readonly string[],
  what: Named,
): (name: string) => boolean {
  const exact = new Set<string>();
  const globs: ((text: string) => boolean)[] = [];
  for (const { pattern, pointer } of patterns) {
    const fits = pattern.includes('*') ? glob(pattern) : (name: string) => name === pattern;
    if (!names.some(fits)) {
      const near = closest(pattern, names);
      throw new ServiceError('unknown_node', `No ${what} of the model fits "${pattern}".`, {
        errors: [{ pointer, code: CODE[what], message: `fits no ${what}`, received: pattern }],
        ...(near !== undefined && { hint: `Did you mean "${near}"?` }),
      });
    }
    if (pattern.includes('*')) globs.push(fits);
    else exact.add(pattern);
  }
  return (name) => exact.has(name) || globs.some((matches) => matches(name));
}
