import { EventEmitter } from 'node:events';
import type { Logger } from '../../platform/logger.js';
import type { SqlClient, SqlResult } from '../sql-pool.js';
import type { FairLock } from './fair-lock.js';
import type { EmbeddedSession } from './session.js';

/** What PostgreSQL answers to a client that it cut off for idling inside a transaction. */
class IdleInTransactionError extends Error {
  readonly code = '25P03';
  constructor(limitMs: number) {
    super(`The transaction was rolled back: it waited for ${limitMs} ms between two statements.`);
  }
}

/** One user of the embedded session, with the shape of pg's pooled client. Its statements run in the order of the calls. */
export class EmbeddedClient extends EventEmitter implements SqlClient {
  private previous: Promise<unknown> = Promise.resolve();
  /** Set while this client holds the lock between two statements: it is inside a transaction. */
  private unlock: (() => void) | undefined;
  private idleTimer: NodeJS.Timeout | undefined;
  private failure: Error | undefined;

  constructor(
    private readonly session: EmbeddedSession,
    private readonly lock: FairLock,
    private readonly logger: Logger,
    private readonly idleLimitMs: number,
    private readonly released: () => void,
  ) {
    super();
  }

  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    return this.enqueue(() => this.execute<Row>(text, values));
  }

  release(): void {
    this.released();
    this.removeAllListeners('notification');
    void this.enqueue(async () => {
      this.failure ??= new Error('The client was released to the pool and must not be used any more.');
      await this.rollBack();
    });
  }

  private enqueue<T>(action: () => Promise<T>): Promise<T> {
    const result = this.previous.then(action);
    this.previous = result.catch(() => undefined);
    return result;
  }

  private async execute<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    if (this.failure) throw this.failure;
    clearTimeout(this.idleTimer);
    const unlock = this.unlock ?? (await this.lock.acquire());
    try {
      return await this.session.run<Row>(text, values);
    } finally {
      if (this.session.inTransaction) {
        this.unlock = unlock;
        this.idleTimer = setTimeout(() => this.cutOff(), this.idleLimitMs);
      } else {
        this.unlock = undefined;
        unlock();
      }
    }
  }

  /** A transaction that idles may be waiting for itself: without this, everybody would wait with it, for ever. */
  private cutOff(): void {
    this.failure = new IdleInTransactionError(this.idleLimitMs);
    this.logger.error({ err: this.failure }, 'A transaction held the database too long and was rolled back');
    void this.enqueue(() => this.rollBack());
  }

  private async rollBack(): Promise<void> {
    clearTimeout(this.idleTimer);
    const unlock = this.unlock;
    this.unlock = undefined;
    if (!unlock) return;
    try {
      await this.session.run('ROLLBACK');
    } finally {
      unlock();
    }
  }
}
