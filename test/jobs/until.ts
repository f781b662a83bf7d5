import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for a condition; throws with `what` when it does not come true in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await sleep(10);
  }
}
