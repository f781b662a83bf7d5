import parseRange from 'range-parser';

/** Which bytes of a content a request gets: all, one stretch [start, end] (both included), or none that exist. */
export type ByteRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: ByteRange = { kind: 'whole' };

/**
 * Reads `Range` and `If-Range` (RFC 9110 §14). A malformed header, another unit than bytes, more than one stretch, and an
 * `If-Range` that is not exactly this strong ETag all mean the whole content.
 */
export function byteRange(
  header: string | undefined,
  ifRange: string | undefined,
  etag: string,
  size: number,
): ByteRange {
  if (header === undefined || (ifRange !== undefined && ifRange !== etag)) return WHOLE;
  if (!header.startsWith('bytes=')) return WHOLE;
  const ranges = parseRange(size, header);
  if (ranges === -1) return { kind: 'unsatisfiable' };
  const [first, second] = ranges === -2 ? [] : ranges;
  if (first === undefined || second !== undefined) return WHOLE;
  return { kind: 'part', start: first.start, end: first.end };
}

/** Whether `If-None-Match` names this ETag; the comparison is weak, as RFC 9110 §13.1.2 wants it. */
export const noneMatches = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  (header.trim() === '*' || header.split(',').some((given) => given.trim().replace(/^W\//, '') === etag));
