/** Adds up how far a result's outputs are from the original's, over all samples: the energy of the difference against that of the original. */
export class OutputNoise {
  #signal = 0;
  #noise = 0;

  /** Outputs of other lengths, as a student may have, are not compared. */
  add(original: ArrayLike<number>, result: ArrayLike<number>): void {
    if (original.length !== result.length) return;
    for (let i = 0; i < original.length; i++) {
      const value = Number(original[i]);
      const difference = Number(result[i]) - value;
      this.#signal += value * value;
      this.#noise += difference * difference;
    }
  }

  /** 0 for equal outputs, 1 when the difference is as large as the outputs. */
  get ratio(): number {
    if (this.#noise === 0) return 0;
    return this.#signal === 0 ? Number.MAX_VALUE : this.#noise / this.#signal;
  }
}
