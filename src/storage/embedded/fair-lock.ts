import { setImmediate } from 'node:timers/promises';

/** A mutual exclusion lock that serves waiters in the order in which they came. */
export class FairLock {
  private held = false;
  private readonly waiting: (() => void)[] = [];

  /** Resolves when the caller holds the lock, with the function that releases it (once; later calls do nothing). */
  async acquire(): Promise<() => void> {
    if (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.held = true;
    // PGlite answers in microtasks: without a turn here, a queue of statements would keep timers and sockets waiting to its end.
    await setImmediate();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const next = this.waiting.shift();
      // The lock is handed over, never free in between, so nobody overtakes.
      if (next) next();
      else this.held = false;
    };
  }
}
