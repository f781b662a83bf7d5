import type { ElementType } from '../../contracts/signature.js';

/** Where the exponent lies, which is all ones for NaN and infinity (IEEE 754): word size in bytes, words per element, and the mask of the last word. */
const EXPONENTS: Partial<Readonly<Record<ElementType, { bytes: 2 | 4; words: 1 | 2; mask: number }>>> = {
  float16: { bytes: 2, words: 1, mask: 0x7c00 },
  float32: { bytes: 4, words: 1, mask: 0x7f800000 },
  float64: { bytes: 4, words: 2, mask: 0x7ff00000 },
};

/** Finds the first element of a stream of float data that is NaN or infinite. */
export class FiniteCheck {
  readonly #format;
  #carried = new Uint8Array(0);
  #elements = 0;
  /** Its index, or null while every element is finite. */
  first: number | null = null;

  constructor(dtype: ElementType) {
    this.#format = EXPONENTS[dtype];
  }

  add(chunk: Uint8Array): void {
    const format = this.#format;
    if (!format || this.first !== null) return;
    const size = format.bytes * format.words;
    // A copy, so that the words are aligned and an element that was cut by the chunk's end is whole.
    const bytes = new Uint8Array(this.#carried.length + chunk.length);
    bytes.set(this.#carried);
    bytes.set(chunk, this.#carried.length);
    const whole = Math.floor(bytes.length / size);
    this.#carried = bytes.slice(whole * size);
    const words =
      format.bytes === 2
        ? new Uint16Array(bytes.buffer, 0, whole)
        : new Uint32Array(bytes.buffer, 0, whole * format.words);
    for (let i = format.words - 1; i < words.length; i += format.words) {
      if (((words[i] ?? 0) & format.mask) === format.mask) {
        this.first = this.#elements + (i - format.words + 1) / format.words;
        return;
      }
    }
    this.#elements += whole;
  }
}
