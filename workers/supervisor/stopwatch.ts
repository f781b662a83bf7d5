/** Measures time that passes while nothing is paused, in milliseconds of the monotonic clock `now`. */
export class Stopwatch {
  #counted = 0;
  #since: number | undefined;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.#since = now();
  }

  get elapsed(): number {
    return this.#counted + (this.#since === undefined ? 0 : this.now() - this.#since);
  }

  pause(): void {
    this.#counted = this.elapsed;
    this.#since = undefined;
  }

  resume(): void {
    this.#since ??= this.now();
  }

  /** Starts from zero, paused or not as before. */
  restart(): void {
    this.#counted = 0;
    if (this.#since !== undefined) this.#since = this.now();
  }
}
