import { closeSync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** What we touch of Emscripten's file system over Node. `nfd` is Node's file descriptor; folders have none. */
interface EmscriptenStream {
  readonly nfd?: number;
  readonly node: unknown;
}
interface EmscriptenModule {
  readonly NODEFS: {
    stream_ops: { fsync?: (stream: EmscriptenStream) => number };
    realPath(node: unknown): string;
  };
}
type InitOptions = Parameters<NodeFS['init']>[1];

/** PGlite's own NodeFS has no fsync: the call succeeds and does nothing. This one reaches the disk. */
export class DurableFileSystem extends NodeFS {
  override async init(pglite: PGlite, options: InitOptions): Promise<{ emscriptenOpts: InitOptions }> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const addFsync = (module: EmscriptenModule): void => {
      module.NODEFS.stream_ops.fsync = (stream) => {
        if (stream.nfd === undefined) syncFolder(module.NODEFS.realPath(stream.node));
        else fdatasyncSync(stream.nfd);
        return 0;
      };
    };
    const preRun = [...(emscriptenOpts.preRun ?? []), addFsync] as NonNullable<InitOptions['preRun']>;
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
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
