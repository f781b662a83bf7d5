import type { Progress } from '../../src/contracts/job.js';

/** Two records of progress a second are enough for a person to watch, and few enough for the database. */
const RELAY_INTERVAL_MS = 500;

/**
 * Passes progress on at most twice a second, the newest value first of all, and never two at once. What `record` cannot
 * store is forgotten: the next value says more.
 */
export class ProgressRelay {
  #latest: Progress | undefined;
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #closed = false;

  constructor(private readonly record: (progress: Progress) => Promise<unknown>) {}

  push(progress: Progress): void {
    this.#latest = progress;
    this.#flush();
  }

  /** Nothing is recorded any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #flush(): void {
    const progress = this.#latest;
    if (!progress || this.#busy || this.#timer || this.#closed) return;
    this.#latest = undefined;
    this.#busy = true;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, RELAY_INTERVAL_MS);
    const done = () => {
      this.#busy = false;
      this.#flush();
    };
    this.record(progress).then(done, done);
  }
}
