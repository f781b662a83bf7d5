import type { Tensor } from '../onnx/ir/tensor.js';

/** What is kept at most, in bytes: 500 maps of 320x320 or 200 words of a recognizer's letters. */
const MAX_BYTES = 200 * 1024 ** 2;

/**
 * The original's answers on samples that it is asked about again and again, once for each candidate. What does not fit any more is
 * simply computed again.
 */
export class RememberedAnswers {
  readonly #answers = new Map<string, Tensor>();
  #bytes = 0;

  constructor(readonly maxBytes = MAX_BYTES) {}

  /** The answer to these samples, fed together in this order. */
  async of(rows: readonly number[], compute: () => Promise<Tensor>): Promise<Tensor> {
    const key = rows.join();
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = await compute();
    if (this.#bytes + answer.bytes.byteLength <= this.maxBytes) {
      this.#bytes += answer.bytes.byteLength;
      this.#answers.set(key, answer);
    }
    return answer;
  }
}
