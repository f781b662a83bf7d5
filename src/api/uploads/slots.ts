interface Waiter {
  readonly owner: string;
  readonly granted: () => void;
}

/** A number of places; whoever finds none waits in line, behind those who have none at all. */
export class Slots {
  readonly #waiting: Waiter[] = [];
  readonly #taken: string[] = [];

  constructor(private readonly count: number) {}

  /**
   * Runs `work` in a place of its own.
   * @param owner whose work it is: an owner with a place lets the others go first.
   * @throws the signal's reason when it aborts while waiting, and what `work` throws.
   */
  async run<Result>(owner: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    signal.throwIfAborted();
    if (this.#taken.length < this.count) this.#taken.push(owner);
    else await this.#wait(owner, signal);
    try {
      return await work();
    } finally {
      this.#taken.splice(this.#taken.indexOf(owner), 1);
      this.#handOver();
    }
  }

  /** Gives the free place away at once, so that nobody overtakes. */
  #handOver(): void {
    const first = this.#waiting.findIndex(({ owner }) => !this.#taken.includes(owner));
    const [next] = this.#waiting.splice(Math.max(first, 0), 1);
    if (next === undefined) return;
    this.#taken.push(next.owner);
    next.granted();
  }

  #wait(owner: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        owner,
        granted: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      this.#waiting.push(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
