import { Worker } from 'node:worker_threads';

/** Descriptor of the heartbeat pipe; the supervisor reads the other end. */
export const HEARTBEAT_FD = 4;
/** One byte a second: far below the supervisor's silence limit, and nothing to carry. */
export const HEARTBEAT_MS = 1000;
/** How often the parent is looked at: an orphan engine lives half a second at most. */
export const PARENT_CHECK_MS = 500;

/**
 * Starts the thread that sends heartbeats and kills this process when its parent is gone. It is a thread because a run of
 * ONNX Runtime blocks the main thread for as long as it likes: neither a timer nor a signal handler would fire there.
 */
export function startWatchdog(parent: number): void {
  const thread = new Worker(new URL('./watchdog-thread.js', import.meta.url), { workerData: { parent } });
  // An engine without its watchdog may outlive its supervisor, so it does not run at all.
  thread.once('error', () => process.kill(process.pid, 'SIGKILL'));
  thread.unref();
}
