import type { Measurements } from './candidate.js';
import type { Timing } from './workshop.js';

/** Each look at the interval is one more chance to be misled: looks are after 1, 2, 4, 8, … rounds. */
const isLook = (rounds: number): boolean => Number.isInteger(Math.log2(rounds));

/**
 * Times models until their numbers decide, `least` to `most` rounds, and beyond the least while the next one fits into `seconds`.
 * @param options.elapsedSeconds a clock that the rounds move
 */
export async function timeUntilDecided(
  timing: Timing,
  options: {
    readonly least: number;
    readonly most: number;
    readonly seconds: number;
    readonly signal: AbortSignal;
    elapsedSeconds(): number;
    decided(found: readonly Measurements[]): boolean;
  },
): Promise<readonly Measurements[]> {
  const began = options.elapsedSeconds();
  for (let rounds = 1; ; rounds++) {
    options.signal.throwIfAborted();
    const found = await timing.round();
    if (rounds < options.least) continue;
    const oneMore = ((options.elapsedSeconds() - began) * (rounds + 1)) / rounds;
    if (rounds === options.most || oneMore > options.seconds) return found;
    if (isLook(rounds) && options.decided(found)) return found;
  }
}
