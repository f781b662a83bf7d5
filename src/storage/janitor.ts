import type { Logger } from '../platform/logger.js';
import { type BlobStore, SWEEP_GRACE } from './blobs/blob-store.js';
import type { OpenDatabase } from './database.js';
import { referencedBlobs } from './records/blob-references.js';
import { deleteExpiredIdempotencyKeys } from './records/idempotency-keys.js';

/** Nothing that it removes is urgent. */
const INTERVAL_MS = 3_600_000;

/** Removes temporary files of any age, also those that a clock set back dates in the future. */
const NO_GRACE_MS = Number.NEGATIVE_INFINITY;

/** Removes blobs that no record needs, abandoned temporary files and expired idempotency keys. Any number may run at once. */
export class Janitor {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: OpenDatabase,
    private readonly blobs: BlobStore,
    private readonly logger: Logger,
  ) {}

  /** Cleans up once, then every hour. In an embedded start nobody is writing, so every temporary file is a dead process's. */
  async start(): Promise<void> {
    await this.clean(this.database.embedded ? NO_GRACE_MS : SWEEP_GRACE.temporaryGraceMs);
    this.timer = setInterval(() => {
      this.running = this.clean(SWEEP_GRACE.temporaryGraceMs);
    }, INTERVAL_MS);
    this.timer.unref();
  }

  /** Stops, after the cleaning under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** Never throws: what is left is removed the next time. */
  private async clean(temporaryGraceMs: number): Promise<void> {
    const now = Date.now();
    try {
      await deleteExpiredIdempotencyKeys(this.database.queries, new Date(now));
      const referenced = await referencedBlobs(this.database.queries);
      const removed = await this.blobs.sweep(referenced, { ...SWEEP_GRACE, temporaryGraceMs, now });
      if (removed.blobs + removed.temporaryFiles > 0) this.logger.info({ removed }, 'Removed files that nothing needs');
    } catch (error) {
      this.logger.warn({ err: error }, 'Cleaning up failed; it is tried again in an hour');
    }
  }
}
