import { argmaxOverLastAxis } from './argmax.js';
import type { LabelMetric } from './metric.js';

const BLANK = 0;

/** Greedy CTC decoding (Graves et al. 2006, best path): the best class of every step, repeats collapsed, blanks dropped. */
function decodeGreedily(best: ArrayLike<number>): number[] {
  const letters: number[] = [];
  for (let step = 0; step < best.length; step++) {
    const letter = best[step] as number;
    if (letter !== BLANK && letter !== best[step - 1]) letters.push(letter);
  }
  return letters;
}

/**
 * 1 when all letters of the decoded word are the label's; outputs are [steps, classes], labels [letters] padded with -1. Recognizers
 * sprinkle blanks and dots that their labels never mention: letters outside of the labels' alphabet are not compared.
 */
export const ctc: LabelMetric = {
  name: 'ctc',
  meaning: 'the whole word is right, in the letters that the labels use',
  comparedWith: 'labels',
  zeroOrOne: true,
  higherIsBetter: true,
  score(output, label, { alphabet }) {
    if (output.dims.length !== 2) throw new RangeError('ctc takes an output of steps by classes per sample');
    const word = decodeGreedily(argmaxOverLastAxis(output)).filter((letter) => alphabet.has(letter));
    const expected = Array.from(label.values).filter((letter) => letter >= 0);
    return word.length === expected.length && word.every((letter, i) => letter === expected[i]) ? 1 : 0;
  },
};
