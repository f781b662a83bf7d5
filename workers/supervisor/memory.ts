import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Whether memory has to be watched from outside: everywhere but on Linux, where the kernel bounds the engine at its start.
 */
export const POLLS_MEMORY = process.platform !== 'linux';

/** Resident bytes of a process, 0 when it is gone. */
export async function residentBytes(pid: number): Promise<number> {
  try {
    const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
    return Number(stdout.trim()) * 1024;
  } catch {
    return 0;
  }
}
