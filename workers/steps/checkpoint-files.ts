import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckpointStore } from '../../src/distillation/checkpoint-schedule.js';
import { checkpointFile } from '../protocol.js';

/** Checkpoints as files of the scratch folder, from which the supervisor hands them on to the next attempt. */
export const checkpointFiles = (scratch: string, step: number): CheckpointStore => ({
  async load(run) {
    try {
      return await readFile(join(scratch, checkpointFile(step, run)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  },
  /** A process that dies while it writes leaves the checkpoint before. */
  async save(run, bytes) {
    const path = join(scratch, checkpointFile(step, run));
    await writeFile(`${path}.partial`, bytes);
    await rename(`${path}.partial`, path);
  },
});
