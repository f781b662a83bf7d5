import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import type { DiskReserve } from './disk-reserve.js';

/** What we touch of Emscripten's file system over Node. `nfd` is Node's file descriptor; folders have none. */
interface EmscriptenStream {
  readonly nfd?: number;
  readonly node: unknown;
  readonly path: string;
}
type Write = (stream: EmscriptenStream, buffer: Int8Array, offset: number, length: number, position: number) => number;
interface EmscriptenModule {
  readonly NODEFS: {
    stream_ops: { fsync?: (stream: EmscriptenStream) => number; write: Write };
    realPath(node: unknown): string;
  };
}
type InitOptions = Parameters<NodeFS['init']>[1];

const LOG_FOLDER = '/pg_wal/';

/**
 * PGlite's own NodeFS has no fsync: the call succeeds and does nothing. This one reaches the disk. And it writes the write-ahead log
 * from the reserve when the disk is full.
 */
export class DurableFileSystem extends NodeFS {
  constructor(
    folder: string,
    private readonly reserve: DiskReserve,
  ) {
    super(folder);
  }

  override async init(pglite: PGlite, options: InitOptions): Promise<{ emscriptenOpts: InitOptions }> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const amend = ({ NODEFS }: EmscriptenModule): void => {
      const operations = NODEFS.stream_ops;
      const write = operations.write;
      operations.fsync = (stream) => {
        if (stream.nfd === undefined) syncFolder(NODEFS.realPath(stream.node));
        else fdatasyncSync(stream.nfd);
        return 0;
      };
      operations.write = (stream, buffer, offset, length, position) =>
        stream.nfd !== undefined && stream.path.includes(LOG_FOLDER)
          ? this.writeLog(stream.nfd, buffer.subarray(offset, offset + length), position)
          : write(stream, buffer, offset, length, position);
    };
    const preRun = [...(emscriptenOpts.preRun ?? []), amend] as NonNullable<InitOptions['preRun']>;
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }

  /** Writes all of the bytes: a short write is a panic too. */
  private writeLog(file: number, bytes: Int8Array, position: number): number {
    for (let written = 0; written < bytes.length; ) {
      try {
        written += writeSync(file, bytes, written, bytes.length - written, position + written);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC' || !this.reserve.release()) throw error;
      }
    }
    return bytes.length;
  }
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
