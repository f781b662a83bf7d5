import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { SEARCH_PATH, type SqlResult } from '../sql-pool.js';
import { DiskReserve } from './disk-reserve.js';
import { DurableFileSystem } from './durable-file-system.js';

/**
 * PGlite's own parameters without `-F` (which turns fsync off), and with the one sync method that its Emscripten build passes on
 * to the file system: its fdatasync is a stub.
 */
const START_PARAMETERS = [
  '--single',
  '-O',
  '-j',
  ...[
    `search_path=${SEARCH_PATH}`,
    'exit_on_error=false',
    'log_checkpoints=false',
    'max_worker_processes=0',
    'max_parallel_workers=0',
    'max_parallel_workers_per_gather=0',
    'max_parallel_maintenance_workers=0',
    'io_method=sync',
    'fsync=on',
    'synchronous_commit=on',
    'wal_sync_method=fsync',
    // Segments that a checkpoint keeps for reuse; the default of 80 MB is for servers.
    'min_wal_size=32MB',
  ].flatMap((setting) => ['-c', setting]),
];

/** SQLSTATE of a write in a read-only transaction, of a full disk, and of a server that was shut down. */
const READ_ONLY = '25006';
const DISK_FULL = '53100';
const SHUT_DOWN = '57P01';

/**
 * The one session of an embedded PostgreSQL. It knows nothing of its users: the lock is the pool's. While the disk is full it only
 * reads: writes fail with PostgreSQL's `disk_full`, and work again by themselves when there is space.
 */
export class EmbeddedSession {
  private readOnly = false;
  private closed = false;

  private constructor(
    private readonly pglite: PGlite,
    private readonly reserve: DiskReserve,
  ) {}

  /** Opens the database in a folder, and makes it first when there is none (about four seconds). Throws ENOSPC without room for the reserve. */
  static async open(folder: string): Promise<EmbeddedSession> {
    const reserve = new DiskReserve(`${folder}.reserve`);
    if (!existsSync(join(folder, 'PG_VERSION'))) await initialize(folder, reserve);
    if (reserve.spent) reserve.fill();
    return new EmbeddedSession(await start(folder, reserve), reserve);
  }

  /**
   * Runs one statement with parameters, or any number without: then the last one's result is the answer. Throws PGlite's
   * DatabaseError, whose `code` is the SQLSTATE as it is with pg.
   */
  async run<Row>(text: string, values: readonly unknown[] = []): Promise<SqlResult<Row>> {
    if (this.closed) throw Object.assign(new Error('The database is closed'), { code: SHUT_DOWN });
    if (!this.inTransaction) await this.mindDisk();
    try {
      const result =
        values.length === 0 ? (await this.pglite.exec(text)).at(-1) : await this.pglite.query(text, [...values]);
      const rows = (result?.rows ?? []) as Row[];
      return { rows, rowCount: result?.rowCount ?? result?.affectedRows ?? null, command: result?.command ?? '' };
    } catch (error) {
      if (this.readOnly && (error as { code?: unknown }).code === READ_ONLY) {
        throw Object.assign(new Error('The disk is full: the database is read-only', { cause: error }), {
          code: DISK_FULL,
        });
      }
      throw error;
    }
  }

  get inTransaction(): boolean {
    return !this.closed && this.pglite.isInTransaction();
  }

  onNotification(listener: (channel: string, payload: string) => void): void {
    this.pglite.onNotification(listener);
  }

  /** Writes a checkpoint and closes the files. */
  async close(): Promise<void> {
    this.closed = true;
    await this.pglite.close();
  }

  /** Turns writing off when the log lives on the reserve, and on again when there is a new one. */
  private async mindDisk(): Promise<void> {
    if (!this.reserve.spent && !this.readOnly) return;
    const readOnly = !this.reserve.refill();
    if (readOnly === this.readOnly) return;
    this.readOnly = readOnly;
    await this.pglite.exec(`SET default_transaction_read_only = ${readOnly ? 'on' : 'off'}`);
  }
}

async function start(folder: string, reserve: DiskReserve): Promise<PGlite> {
  return PGlite.create({ fs: new DurableFileSystem(folder, reserve), startParams: START_PARAMETERS });
}

/** Makes the database beside its place and renames it when it is whole and on disk: a kill leaves nothing half made. */
async function initialize(folder: string, reserve: DiskReserve): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  await (await start(unfinished, reserve)).close();
  await syncTree(unfinished);
  await rm(folder, { recursive: true, force: true });
  await rename(unfinished, folder);
  await syncPath(join(folder, '..'));
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await syncPath(path);
  }
  await syncPath(folder);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
