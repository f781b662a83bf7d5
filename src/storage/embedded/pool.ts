import { EventEmitter } from 'node:events';
import type { Logger } from '../../platform/logger.js';
import { IDLE_IN_TRANSACTION_LIMIT_MS, type SqlClient, type SqlPool, type SqlResult } from '../sql-pool.js';
import { assertOutsideTransaction } from '../transaction-scope.js';
import { EmbeddedClient } from './client.js';
import { FairLock } from './fair-lock.js';
import type { EmbeddedSession } from './session.js';

/**
 * Gives the one session of an embedded database the shape of pg.Pool. Any number of clients share the session under a fair lock,
 * held for one statement, and by a client from BEGIN to COMMIT or ROLLBACK.
 */
export class EmbeddedPool extends EventEmitter implements SqlPool {
  readonly options = {};
  private readonly lock = new FairLock();
  private readonly clients = new Set<EmbeddedClient>();

  constructor(
    private readonly session: EmbeddedSession,
    private readonly logger: Logger,
    private readonly idleLimitMs = IDLE_IN_TRANSACTION_LIMIT_MS,
  ) {
    super();
    session.onNotification((channel, payload) => {
      // The session listens for all; as with pg, who has no interest in a channel ignores it.
      for (const client of this.clients) client.emit('notification', { channel, payload });
    });
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const client = this.checkOut();
    try {
      return await client.query<Row>(text, values);
    } finally {
      client.release();
    }
  }

  async connect(): Promise<SqlClient> {
    return this.checkOut();
  }

  /** Waits for its turn, then closes the database: later statements fail as on a server that was shut down. */
  async end(): Promise<void> {
    const unlock = await this.lock.acquire();
    try {
      await this.session.close();
    } finally {
      unlock();
    }
  }

  private checkOut(): EmbeddedClient {
    assertOutsideTransaction();
    const client = new EmbeddedClient(this.session, this.lock, this.logger, this.idleLimitMs, () =>
      this.clients.delete(client),
    );
    this.clients.add(client);
    return client;
  }
}
