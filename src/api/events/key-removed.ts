import { ServiceError } from '../../platform/errors.js';
import type { Authenticator } from '../../security/authenticator.js';

/**
 * Aborts when the key in `headers` is no longer valid, looked up every `everyMs` until `gone`: who may not ask any more must not go on
 * listening. A lookup that fails, because the database is away, says nothing of the key.
 */
export function keyRemoved(
  authenticator: Authenticator,
  headers: Parameters<Authenticator['authenticate']>[0],
  everyMs: number,
  gone: AbortSignal,
): AbortSignal {
  const removed = new AbortController();
  const timer = setInterval(() => {
    authenticator.authenticate(headers).catch((error: unknown) => {
      if (error instanceof ServiceError && error.code === 'unauthorized') removed.abort(error);
    });
  }, everyMs);
  timer.unref();
  gone.addEventListener('abort', () => clearInterval(timer), { once: true });
  return removed.signal;
}
