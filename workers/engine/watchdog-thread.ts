import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { HEARTBEAT_FD, HEARTBEAT_MS, PARENT_CHECK_MS } from './watchdog.js';

/** The process that spawned the engine, told by itself: at the first look an early death would already hide it. */
const { parent } = workerData as { parent: number };

/** Kills the engine's whole process group, this thread included; nothing runs after it. */
function killGroup(): void {
  process.kill(-process.pid, 'SIGKILL');
}

setInterval(() => {
  if (process.ppid !== parent) killGroup();
}, PARENT_CHECK_MS);

setInterval(() => {
  try {
    writeSync(HEARTBEAT_FD, '.');
  } catch {
    // Nobody holds the other end any more: the supervisor is dead or has dropped this engine.
    killGroup();
  }
}, HEARTBEAT_MS);
