import type { EngineMessage } from '../protocol.js';

/** The engine's side of the exclusive lease: asks, waits for the grant, and gives the machine back whatever happens. */
export class ExclusiveLease {
  #granted: (() => void) | undefined;

  constructor(
    private readonly send: (message: EngineMessage) => void,
    private readonly signal: AbortSignal,
  ) {}

  /** Told by the supervisor. A grant that nobody waits for any more was answered by the release already. */
  grant(): void {
    this.#granted?.();
  }

  /** Runs `timed` with the machine alone. @throws the signal's reason when aborted while waiting. */
  async run<T>(timed: () => Promise<T>): Promise<T> {
    this.send({ type: 'exclusive_request' });
    try {
      await this.#grantOrAbort();
      return await timed();
    } finally {
      this.#granted = undefined;
      this.send({ type: 'exclusive_release' });
    }
  }

  #grantOrAbort(): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => reject(this.signal.reason);
      if (this.signal.aborted) return abort();
      this.signal.addEventListener('abort', abort, { once: true });
      this.#granted = () => {
        this.signal.removeEventListener('abort', abort);
        resolve();
      };
    });
  }
}
