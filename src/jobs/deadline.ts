import { ServiceError } from '../platform/errors.js';

/** Seconds after which a client may try again when the queue or the database is away. */
const RETRY_AFTER_SECONDS = 5;

/** The result of `work`, or `unavailable` when it fails or is not there within `milliseconds`. */
export async function withinDeadline<T>(part: string, milliseconds: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const away = (cause?: unknown) =>
    new ServiceError('unavailable', `The ${part} cannot be reached.`, { retryAfter: RETRY_AFTER_SECONDS, cause });
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(away()), milliseconds);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    throw error instanceof ServiceError ? error : away(error);
  } finally {
    clearTimeout(timer);
  }
}
