import type { BackendFactory, IQueueBackend } from 'bullmq';

/** One end of a BullMQ connection: what its `Queue` and `Worker` constructors take, and how to end it. */
export interface BackendConnection {
  readonly connection: unknown;
  close(): Promise<void>;
}

/** Where BullMQ keeps its entries. The only difference between Redis, PostgreSQL and PGlite. */
export interface QueueBackend {
  readonly name: 'redis' | 'database';
  readonly factory: BackendFactory<IQueueBackend, unknown>;
  /** Throws when the backend cannot be reached now; prepares it (schema) on first success. */
  prepare(): Promise<void>;
  /** For adding and looking: commands fail instead of waiting for an absent server. */
  producer(): BackendConnection;
  /** For claiming: commands wait for the server to come back. */
  consumer(): BackendConnection;
  close(): Promise<void>;
}
