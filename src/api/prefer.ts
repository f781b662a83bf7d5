import { MAX_WAIT_SECONDS } from '../security/limits.js';

/** The seconds of `Prefer: wait=N` (RFC 7240), at most MAX_WAIT_SECONDS; null when the header does not ask to wait. */
export function waitSeconds(header: string | undefined): number | null {
  const found = /(?:^|[,;\s])wait(?:\s*=\s*"?(\d{1,9})"?)?(?=[,;\s]|$)/i.exec(header ?? '');
  if (found === null) return null;
  return found[1] === undefined ? MAX_WAIT_SECONDS : Math.min(Number(found[1]), MAX_WAIT_SECONDS);
}
