import type { DatasetInspection } from '../../contracts/dataset.js';
import { INTEGER_TYPES, type ValueSignature } from '../../contracts/signature.js';
import type { DatasetMatch } from './match.js';

const INTEGERS: ReadonlySet<string> = new Set(INTEGER_TYPES);
const FLOATS: ReadonlySet<string | null> = new Set(['float16', 'float32', 'float64']);

/**
 * A sentence for every array of whole numbers that feeds a float input as it is. Pixels that the model expects between 0 and 1 give a
 * model that runs, and answers nonsense: nothing else would tell.
 */
export function unscaledArrays(
  inputs: readonly ValueSignature[],
  { arrays }: DatasetInspection,
  match: DatasetMatch,
): string[] {
  return match.arrays.flatMap(({ input, array, scale, offset }) => {
    const stored = arrays.find(({ name }) => name === array)?.dtype;
    const taken = inputs.find(({ name }) => name === input)?.dtype ?? null;
    if (stored === undefined || !INTEGERS.has(stored) || !FLOATS.has(taken) || scale !== 1 || offset !== 0) return [];
    return [
      `Array ${JSON.stringify(array)} (${stored}) feeds the ${taken} input ${JSON.stringify(input)} with scale 1 and offset 0: check that the model takes raw ${stored} values.`,
    ];
  });
}
