import type { ElementType } from '../../contracts/signature.js';
import { WholeElements } from './whole-elements.js';

/** Where the exponent lies, which is all ones for NaN and infinity (IEEE 754): word size in bytes, words per element, and the mask of the last word. */
const EXPONENTS: Partial<Readonly<Record<ElementType, { bytes: 2 | 4; words: 1 | 2; mask: number }>>> = {
  float16: { bytes: 2, words: 1, mask: 0x7c00 },
  float32: { bytes: 4, words: 1, mask: 0x7f800000 },
  float64: { bytes: 4, words: 2, mask: 0x7ff00000 },
};

/** Finds the first element of a stream of float data that is NaN or infinite. */
export class FiniteCheck {
  readonly #format;
  readonly #whole: WholeElements;
  #elements = 0;
  /** Its index, or null while every element is finite. */
  first: number | null = null;

  constructor(dtype: ElementType) {
    this.#format = EXPONENTS[dtype];
    this.#whole = new WholeElements((this.#format?.bytes ?? 1) * (this.#format?.words ?? 1));
  }

  add(chunk: Uint8Array): void {
    const format = this.#format;
    if (!format || this.first !== null) return;
    const { buffer, count } = this.#whole.add(chunk);
    const words =
      format.bytes === 2 ? new Uint16Array(buffer, 0, count) : new Uint32Array(buffer, 0, count * format.words);
    for (let i = format.words - 1; i < words.length; i += format.words) {
      if (((words[i] ?? 0) & format.mask) === format.mask) {
        this.first = this.#elements + (i - format.words + 1) / format.words;
        return;
      }
    }
    this.#elements += count;
  }
}
