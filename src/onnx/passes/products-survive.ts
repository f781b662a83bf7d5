/** The smallest normal float32. */
const SMALLEST_NORMAL = 2 ** -126;
/** Beside a product of this size, 2^48 times as large, those below the normal numbers are beyond what float32 can add up. */
const DWARFS_THE_LOST = 2 ** -78;

/**
 * Whether factors may be multiplied in float32 ahead of time: no product of finite factors is infinite, and those that become 0 or
 * denormal, as the weights of dead channels do, are nothing beside the largest.
 */
export function productsSurvive(factors: ArrayLike<number>, by: (index: number) => number): boolean {
  let largest = 0;
  let lost = false;
  for (let i = 0; i < factors.length; i++) {
    const [left, right] = [factors[i] as number, by(i)];
    if (left === 0 || right === 0 || !Number.isFinite(left) || !Number.isFinite(right)) continue;
    const size = Math.abs(Math.fround(left * right));
    if (size === Number.POSITIVE_INFINITY) return false;
    if (size < SMALLEST_NORMAL) lost = true;
    if (size > largest) largest = size;
  }
  return !lost || largest >= DWARFS_THE_LOST;
}

/** Whether finite numbers stay finite in float32. */
export const fitsSingle = (numbers: Iterable<number>): boolean =>
  [...numbers].every((number) => !Number.isFinite(number) || Number.isFinite(Math.fround(number)));
