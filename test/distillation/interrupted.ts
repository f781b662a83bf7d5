import assert from 'node:assert/strict';
import type { CheckpointStore } from '../../src/distillation/checkpoint-schedule.js';
import { seededRandom } from '../../src/platform/random.js';

/** Checkpoints that outlive an attempt, as files do. */
export function memory(): CheckpointStore & { readonly saved: Map<string, Uint8Array> } {
  const saved = new Map<string, Uint8Array>();
  return {
    saved,
    load: async (run) => saved.get(run) ?? null,
    save: async (run, bytes) => {
      saved.set(run, Uint8Array.from(bytes));
    },
  };
}

/** What an attempt is given. */
export interface Attempt {
  readonly checkpoints: CheckpointStore;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** To be called after each step that counts: the attempt ends at one of them. */
  readonly step: () => void;
}

/** Ends a training again and again, at a random one of its next `steps` steps, until an attempt comes to its end; its bytes must be `whole`. */
export async function endsEqual(
  whole: Buffer,
  steps: number,
  checkpoints: CheckpointStore,
  train: (attempt: Attempt) => Promise<Buffer>,
): Promise<void> {
  // A clock that runs so fast that every step is due for a checkpoint.
  let time = 0;
  const now = () => (time += 20_000);
  const draw = seededRandom(9);
  for (let attempts = 1; ; attempts++) {
    const abort = new AbortController();
    let left = 1 + Math.floor(draw() * steps);
    const step = () => {
      if (--left === 0) abort.abort(new Error('stopped'));
    };
    const bytes = await train({ checkpoints, now, signal: abort.signal, step }).catch((error: Error) => {
      assert.equal(error.message, 'stopped');
      return null;
    });
    if (bytes === null) continue;
    assert.ok(attempts > 2, `${attempts} attempts`);
    assert.ok(bytes.equals(whole));
    return;
  }
}
