import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { MAX_SCRATCH_FILES } from './limits.js';

/** Which attempt a scratch folder belongs to; attempts are counted per job. */
export interface AttemptName {
  readonly job: string;
  readonly attempt: number;
}

const FOLDER = /^(job_[0-9a-z]{26})-(\d+)$/;

/** The folder of all scratch folders. */
export const scratchRoot = (dataDir: string): string => join(dataDir, 'scratch');

/** Checkpoints of training: an attempt that was interrupted leaves them to the next. */
const CHECKPOINT = /^checkpoint-[a-z0-9-]{1,32}\.bin$/;

async function checkpointsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && CHECKPOINT.test(entry.name)).map(({ name }) => name);
}

/**
 * Makes a scratch folder, readable by us alone, with nothing in it but the checkpoints of the job's earlier attempts, whose folders
 * go: whoever worked in one has been overtaken.
 */
export async function makeScratch(root: string, name: AttemptName): Promise<string> {
  const folder = join(root, `${name.job}-${name.attempt}`);
  await mkdir(root, { recursive: true });
  const before = (await readdir(root)).filter((entry) => FOLDER.exec(entry)?.[1] === name.job);
  if (before.includes(basename(folder))) await leaveCheckpoints(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const earlier of before.toSorted().map((entry) => join(root, entry))) {
    if (earlier === folder) continue;
    for (const file of await checkpointsIn(earlier)) await rename(join(earlier, file), join(folder, file));
    await removeScratch(earlier);
  }
  return folder;
}

export async function removeScratch(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes all but the checkpoints; without any, the folder too. */
export async function leaveCheckpoints(folder: string): Promise<void> {
  const kept = await checkpointsIn(folder);
  if (kept.length === 0) return removeScratch(folder);
  for (const entry of await readdir(folder)) if (!kept.includes(entry)) await removeScratch(join(folder, entry));
}

/** An attempt: somebody may work on it; it was interrupted and another one follows; or nothing follows. */
export type AttemptFate = 'live' | 'interrupted' | 'over';

/** Clears the folders of attempts that nobody works on any more, and removes whatever else lies there. */
export async function sweepScratch(root: string, fateOf: (name: AttemptName) => Promise<AttemptFate>): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const entry of await readdir(root)) {
    const [, job, attempt] = FOLDER.exec(entry) ?? [];
    const fate = job === undefined ? 'over' : await fateOf({ job, attempt: Number(attempt) });
    if (fate === 'interrupted') await leaveCheckpoints(join(root, entry));
    else if (fate === 'over') await removeScratch(join(root, entry));
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
