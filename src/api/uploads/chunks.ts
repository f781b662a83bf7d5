import type { Readable } from 'node:stream';
import { ServiceError } from '../../platform/errors.js';

/** Counts the bytes of all files of one upload. */
export class ByteBudget {
  #left: number;
  constructor(readonly bytes: number) {
    this.#left = bytes;
  }
  /** @throws ServiceError payload_too_large when the upload has become too large. */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) {
      throw new ServiceError('payload_too_large', `One upload may hold ${this.bytes} bytes, all its files together.`);
    }
  }
}

/**
 * The chunks of a stream, counted against the budget, until it ends or `signal` aborts. Unlike a pipeline it leaves the stream
 * alive when it stops early: a request's socket must still carry the answer that says why.
 * @throws the signal's reason; malformed_request when the sender breaks off.
 */
export async function* chunks(source: Readable, budget: ByteBudget, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const iterator = source.iterator({ destroyOnReturn: false });
  let interrupt: (reason: unknown) => void = () => {};
  const onAbort = () => interrupt(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    for (;;) {
      // One promise a chunk: racing every chunk against one long-lived promise would keep them all.
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        interrupt = reject;
        iterator.next().then(resolve, (cause: unknown) => reject(brokenOff(cause)));
      });
      if (next.done) return;
      budget.spend(next.value.byteLength);
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: it waits for a chunk that may never come.
    iterator.return?.().catch(() => {});
  }
}

const brokenOff = (cause: unknown): unknown =>
  cause instanceof ServiceError
    ? cause
    : new ServiceError('malformed_request', 'The connection was closed before the upload was complete.', { cause });
