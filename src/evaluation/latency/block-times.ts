/**
 * Times of one model in milliseconds, kept sorted with the block that each run belongs to, so that a percentile over any resample of
 * blocks is one walk.
 */
export class BlockTimes {
  readonly #values: Float64Array;
  readonly #blocks: Int32Array;
  readonly #perBlock: Int32Array;

  /** @param times the times of each block; every model of a comparison has the same number of blocks. */
  constructor(readonly times: readonly (readonly number[])[]) {
    const runs = times.flatMap((own, block) => own.map((time) => ({ time, block })));
    runs.sort((a, b) => a.time - b.time);
    this.#values = Float64Array.from(runs, ({ time }) => time);
    this.#blocks = Int32Array.from(runs, ({ block }) => block);
    this.#perBlock = Int32Array.from(times, (own) => own.length);
  }

  get blockCount(): number {
    return this.#perBlock.length;
  }

  /** The smallest time that at least the share `q` of the runs do not exceed; `weights` says how often each block counts. */
  percentile(q: number, weights: Int32Array = new Int32Array(this.blockCount).fill(1)): number {
    let total = 0;
    for (let block = 0; block < this.blockCount; block++) {
      total += (weights[block] as number) * (this.#perBlock[block] as number);
    }
    let remaining = q * total;
    for (let i = 0; i < this.#values.length; i++) {
      remaining -= weights[this.#blocks[i] as number] as number;
      if (remaining <= 0) return this.#values[i] as number;
    }
    return this.#values.at(-1) ?? Number.NaN;
  }
}
