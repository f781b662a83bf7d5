import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Compiled next to this file's parent, so the engine is always of the same build as its supervisor. */
const ENGINE_ENTRY = fileURLToPath(new URL('../engine.js', import.meta.url));

/**
 * Starts an engine in `scratch` as the leader of its own process group, with nothing of our environment. On Linux a shell
 * sets the limits and becomes the engine: `-d` bounds its memory, so that an allocation fails cleanly instead of the
 * machine, and `-c 0` keeps a crash from filling the disk. All values are numbers and paths of ours, passed as arguments; the folder's name tells a person which
 * job a process belongs to.
 */
export function spawnEngine(scratch: string, memoryBytes: number): ChildProcess {
  const command = [process.execPath, '--enable-source-maps', ENGINE_ENTRY, scratch, String(process.pid)];
  const limited =
    process.platform === 'linux'
      ? [
          '/bin/sh',
          '-c',
          'ulimit -c 0; ulimit -d "$0" && exec "$@"',
          String(Math.floor(memoryBytes / 1024)),
          ...command,
        ]
      : command;
  const [file = process.execPath, ...args] = limited;
  return spawn(file, args, {
    cwd: scratch,
    env: { HOME: scratch, TMPDIR: scratch, LANG: 'C', TZ: 'UTC' },
    detached: true,
    // input: our messages; output: nothing; errors: last words; 3: its messages; 4: heartbeats
    stdio: ['pipe', 'ignore', 'pipe', 'pipe', 'pipe'],
  });
}

/** Codes of kill(2) for a group that is gone; macOS says EPERM of one whose last member is not yet waited for. */
const GONE = new Set(['ESRCH', 'EPERM']);

/** Sends a signal to the engine's whole group; nothing happens when it is gone. */
export function signalGroup(leader: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(-leader, signal);
  } catch (error) {
    if (!GONE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
