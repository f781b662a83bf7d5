import { ServiceError } from '../platform/errors.js';

/** SQLSTATE classes and codes that mean that the database is away, not that the query is wrong. */
const AWAY_CLASSES = ['08', '57P'];
const AWAY_CODES = new Set(['53300', '25P03']);
const DISK_FULL = '53100';
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EHOSTUNREACH',
]);
/** pg throws these without any code. */
const AWAY_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|not queryable|Client was closed|PGlite is clos/;
const RETRY_AFTER_SECONDS = 2;

/** Turns the loss of the database into `unavailable` and a full disk into `no_space`; any other error stays what it is. */
export function mapConnectionError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === DISK_FULL || code === 'ENOSPC') {
    return new ServiceError('no_space', 'The disk of the database is full. Free some space and try again.', {
      cause: error,
    });
  }
  const away =
    AWAY_CLASSES.some((prefix) => code.startsWith(prefix)) ||
    AWAY_CODES.has(code) ||
    SOCKET_CODES.has(code) ||
    (code === '' && AWAY_MESSAGES.test(error.message));
  if (!away) return error;
  return new ServiceError('unavailable', 'The database cannot be reached at the moment. Try again in a few seconds.', {
    retryAfter: RETRY_AFTER_SECONDS,
    cause: error,
  });
}
