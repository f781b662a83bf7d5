import type { IncomingHttpHeaders } from 'node:http';
import { ServiceError } from '../../platform/errors.js';

/** The SHA-256 of a body as its sender states it in Content-Digest or Repr-Digest (RFC 9530), in hexadecimal; null without one. */
function declaredSha256(headers: IncomingHttpHeaders): string | null {
  const header = headers['content-digest'] ?? headers['repr-digest'];
  const found = /(?:^|[,\s])sha-256=:([A-Za-z0-9+/]{43}=):/i.exec(String(header ?? ''));
  return found?.[1] === undefined ? null : Buffer.from(found[1], 'base64').toString('hex');
}

/** @throws ServiceError digest_mismatch when the sender stated another SHA-256 than the body has. */
export function checkDigest(headers: IncomingHttpHeaders, sha256: string): void {
  const declared = declaredSha256(headers);
  if (declared === null || declared === sha256) return;
  throw new ServiceError(
    'digest_mismatch',
    `The body has the SHA-256 ${sha256}, not the stated ${declared}. Send it again.`,
  );
}
