/** Where checkpoints of a step outlive its process, by the name of the run. */
export interface CheckpointStore {
  load(run: string): Promise<Uint8Array | null>;
  save(run: string, bytes: Uint8Array): Promise<void>;
}

/** Often enough to lose little, seldom enough to cost little: writing takes milliseconds. In milliseconds. */
const INTERVAL_MS = 10_000;

/** Tells when the next checkpoint is due. @param now a monotonic clock in milliseconds */
export function checkpointSchedule(now: () => number): () => boolean {
  let last = now();
  return () => {
    if (now() - last < INTERVAL_MS) return false;
    last = now();
    return true;
  };
}
