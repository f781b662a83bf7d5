import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Three segments of the write-ahead log: the statement under way can end, whatever it is. */
const RESERVE_BYTES = 48 * 2 ** 20;
/** Space that must be free before the reserve is made again, so that it is not given up a moment later. */
const REFILL_FREE_BYTES = 2 * RESERVE_BYTES;
const CHUNK = Buffer.alloc(2 ** 20);

/**
 * A file that holds disk space back for the write-ahead log. A PostgreSQL that cannot write its log panics; a server restarts then,
 * but an embedded one spins for ever and takes the process with it. So on a full disk the reserve is given up, and the database
 * is read-only until there is space for a new one. All calls are synchronous: the log is written from inside a native call.
 */
export class DiskReserve {
  constructor(private readonly path: string) {}

  /** Whether the reserve is missing. */
  get spent(): boolean {
    return !existsSync(this.path);
  }

  /** Gives the space up. False when it was given up before. */
  release(): boolean {
    if (this.spent) return false;
    rmSync(this.path);
    return true;
  }

  /** Makes the reserve. Throws ENOSPC, and leaves nothing then. */
  fill(): void {
    const unfinished = `${this.path}.unfinished`;
    try {
      const file = openSync(unfinished, 'w', 0o600);
      try {
        for (let written = 0; written < RESERVE_BYTES; ) written += writeSync(file, CHUNK);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(unfinished, this.path);
    } catch (error) {
      rmSync(unfinished, { force: true });
      throw error;
    }
  }

  /** Makes the reserve again when the disk has room for it and more. Whether there is one now. */
  refill(): boolean {
    const { bavail, bsize } = statfsSync(dirname(this.path));
    if (bavail * bsize < REFILL_FREE_BYTES) return false;
    this.fill();
    return true;
  }
}
