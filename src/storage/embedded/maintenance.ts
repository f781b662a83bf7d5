import type { Logger } from '../../platform/logger.js';
import type { SqlPool } from '../sql-pool.js';

/** How often the write-ahead log is looked at. */
const INSPECTION_INTERVAL_MS = 5_000;
/** Reopening replays the log since the last checkpoint: 64 MB take under a second, 785 MB took 8.6. */
const CHECKPOINT_AFTER_WAL_BYTES = 64 * 2 ** 20;
const CHECKPOINT_AFTER_MS = 3 * 60_000;
/** A table is vacuumed past this many dead rows: PostgreSQL's own threshold is 50 and a fifth of the table. */
const VACUUM_AFTER_DEAD_ROWS = 2_000;
const VACUUM_AFTER_DEAD_FRACTION = 0.2;

export interface MaintenanceLimits {
  readonly checkpointAfterWalBytes: number;
  readonly checkpointAfterMs: number;
  readonly vacuumAfterDeadRows: number;
}
const MAINTENANCE_LIMITS: MaintenanceLimits = {
  checkpointAfterWalBytes: CHECKPOINT_AFTER_WAL_BYTES,
  checkpointAfterMs: CHECKPOINT_AFTER_MS,
  vacuumAfterDeadRows: VACUUM_AFTER_DEAD_ROWS,
};

/** Does what a PostgreSQL server's checkpointer and autovacuum do; an embedded one has neither. */
export class Maintenance {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private checkpointAt = '0/0';
  private checkpointTime = 0;

  constructor(
    private readonly pool: SqlPool,
    private readonly logger: Logger,
    private readonly limits: MaintenanceLimits = MAINTENANCE_LIMITS,
    private readonly now: () => number = Date.now,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.running = this.running
        .then(() => this.inspect())
        .catch((error) => this.logger.error({ err: error }, 'Maintenance of the embedded database failed'));
    }, INSPECTION_INTERVAL_MS);
    this.timer.unref();
  }

  /** Stops, after the inspection under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }

  /** One look: a checkpoint when the log has grown or time has passed, and at most one table vacuumed. */
  async inspect(): Promise<void> {
    const { rows } = await this.pool.query<{ position: string; written: number }>(
      'SELECT pg_current_wal_insert_lsn()::text AS position, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)::float8 AS written',
      [this.checkpointAt],
    );
    const written = rows[0]?.written ?? 0;
    const due = written > 0 && this.now() - this.checkpointTime >= this.limits.checkpointAfterMs;
    if (due || written >= this.limits.checkpointAfterWalBytes) await this.checkpoint();
    await this.vacuumOneTable();
  }

  private async checkpoint(): Promise<void> {
    await this.pool.query('CHECKPOINT');
    const { rows } = await this.pool.query<{ position: string }>(
      'SELECT pg_current_wal_insert_lsn()::text AS position',
    );
    this.checkpointAt = rows[0]?.position ?? this.checkpointAt;
    this.checkpointTime = this.now();
  }

  private async vacuumOneTable(): Promise<void> {
    const { rows } = await this.pool.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, relname) AS name FROM pg_stat_user_tables
       WHERE n_dead_tup > $1 AND n_dead_tup > $2::float8 * n_live_tup ORDER BY n_dead_tup DESC LIMIT 1`,
      [this.limits.vacuumAfterDeadRows, VACUUM_AFTER_DEAD_FRACTION],
    );
    if (rows[0]) await this.pool.query(`VACUUM (ANALYZE) ${rows[0].name}`);
  }
}
