import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Waits until a file's bytes, or a folder's entries, are on the disk. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Moves a synced file and makes the move durable: after a power cut it is in one of its places. */
export async function moveDurably(from: string, to: string): Promise<void> {
  const folder = dirname(to);
  const made = await mkdir(folder, { recursive: true });
  await rename(from, to);
  await sync(folder);
  // Every folder that had to be made is an entry of its parent, which must reach the disk too.
  for (let path = folder; made !== undefined && path.length >= made.length; path = dirname(path)) {
    await sync(dirname(path));
  }
}

/** A file of the same content within `folder`: moved there, or copied when it lies on another device. Not yet synced. */
export async function bringInto(folder: string, path: string): Promise<string> {
  const target = temporaryPath(folder);
  try {
    await rename(path, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    try {
      await copyFile(path, target);
    } catch (failure) {
      await rm(target, { force: true });
      throw failure;
    }
    await rm(path);
  }
  return target;
}

export const temporaryPath = (folder: string): string => join(folder, randomUUID());
