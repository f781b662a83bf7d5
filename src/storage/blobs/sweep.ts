import { opendir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SweepOptions, SweepReport } from './blob-store.js';
import { temporaryPath } from './durable-files.js';

/** Removes what no record needs from the folder of a file store. Other processes may store and read meanwhile. */
export async function sweepFolder(
  root: string,
  incoming: string,
  referenced: ReadonlySet<string>,
  { now, blobGraceMs, temporaryGraceMs }: SweepOptions,
): Promise<SweepReport> {
  let blobs = 0;
  let bytes = 0;
  for await (const { path, name } of blobFiles(root, incoming)) {
    if (referenced.has(name)) continue;
    const removed = await removeOlder(path, incoming, now - blobGraceMs);
    if (removed === null) continue;
    blobs++;
    bytes += removed;
  }
  let temporaryFiles = 0;
  for await (const entry of await opendir(incoming)) {
    if ((await removeOlder(join(incoming, entry.name), incoming, now - temporaryGraceMs)) !== null) temporaryFiles++;
  }
  return { blobs, bytes, temporaryFiles };
}

/**
 * Removes a file last written before `before`: its size, or null when it is younger or gone. It is taken out of its place first and
 * looked at again there: the same content may have been stored anew between the look and the removal.
 */
async function removeOlder(path: string, incoming: string, before: number): Promise<number | null> {
  try {
    if ((await stat(path)).mtimeMs >= before) return null;
    const taken = temporaryPath(incoming);
    await rename(path, taken);
    const { mtimeMs, size } = await stat(taken);
    if (mtimeMs >= before) {
      await rename(taken, path);
      return null;
    }
    await rm(taken);
    return size;
  } catch (error) {
    // Another process's sweep, or the file's writer, was faster.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function* blobFiles(root: string, incoming: string): AsyncGenerator<{ path: string; name: string }> {
  for await (const first of await opendir(root)) {
    const firstPath = join(root, first.name);
    if (!first.isDirectory() || firstPath === incoming) continue;
    for await (const second of await opendir(firstPath)) {
      for await (const file of await opendir(join(firstPath, second.name))) {
        yield { path: join(firstPath, second.name, file.name), name: file.name };
      }
    }
  }
}
