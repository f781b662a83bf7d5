import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_SCRATCH_FILES } from './limits.js';

/** Which attempt a scratch folder belongs to; attempts are counted per job. */
export interface AttemptName {
  readonly job: string;
  readonly attempt: number;
}

const FOLDER = /^(job_[0-9a-z]{26})-(\d+)$/;

/** The folder of all scratch folders. */
export const scratchRoot = (dataDir: string): string => join(dataDir, 'scratch');

/**
 * Makes an empty scratch folder, readable by us alone, and removes those of the job's earlier attempts: whoever worked in one has
 * been overtaken.
 */
export async function makeScratch(root: string, name: AttemptName): Promise<string> {
  const folder = join(root, `${name.job}-${name.attempt}`);
  await mkdir(root, { recursive: true });
  for (const entry of await readdir(root)) {
    if (FOLDER.exec(entry)?.[1] === name.job) await removeScratch(join(root, entry));
  }
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

export async function removeScratch(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes the folders of attempts that nobody works on any more, and whatever else lies there. */
export async function sweepScratch(root: string, isLive: (name: AttemptName) => Promise<boolean>): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const entry of await readdir(root)) {
    const [, job, attempt] = FOLDER.exec(entry) ?? [];
    const live = job !== undefined && (await isLive({ job, attempt: Number(attempt) }));
    if (!live) await removeScratch(join(root, entry));
  }
}

/** Bytes of all files below `folder`; Infinity when there are more than MAX_SCRATCH_FILES. */
export async function scratchBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true });
  if (entries.length > MAX_SCRATCH_FILES) return Number.POSITIVE_INFINITY;
  // A file that goes away between the two looks needs no space.
  const sizes = await Promise.all(
    entries.map((entry) =>
      stat(join(folder, entry)).then(
        (found) => found.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
