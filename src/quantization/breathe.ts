import { setImmediate } from 'node:timers/promises';

/** Steps of arithmetic between two breaths: some milliseconds. */
const STEPS_PER_BREATH = 2 ** 21;

/**
 * Long arithmetic in JavaScript hears no signal while it runs. The function given here is called with the steps just done; every few
 * milliseconds it lets events in.
 * @throws the reason of `signal` when it is aborted
 */
export function breathing(signal: AbortSignal): (steps: number) => Promise<void> {
  let done = 0;
  return async (steps) => {
    done += steps;
    if (done < STEPS_PER_BREATH) return;
    done = 0;
    await setImmediate();
    signal.throwIfAborted();
  };
}
