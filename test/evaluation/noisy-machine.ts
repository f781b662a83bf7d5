import { seededRandom } from '../../src/platform/random.js';

export interface Noise {
  readonly seed: number;
  /** Share by which everything slows down and recovers, over hundreds of runs. */
  readonly drift: number;
  /** Milliseconds that a neighbour takes at most, in three of ten runs. */
  readonly delay: number;
  /** Share by which sessions of one and the same model differ at most. */
  readonly luck?: number;
}

/** A machine whose clock only models move: each run takes its model's time, times a drift that all share, plus a neighbour's delays. */
export class NoisyMachine {
  #clock = 1000;
  #run = 0;
  readonly #random: () => number;

  constructor(readonly noise?: Noise) {
    this.#random = seededRandom(noise?.seed ?? 0);
  }

  /** In milliseconds. */
  readonly now = (): number => this.#clock;

  /** Something else that takes its time. */
  pass(milliseconds: number): void {
    this.#clock += milliseconds;
  }

  /** A session of a model that takes so long. */
  open(milliseconds: number): () => Promise<void> {
    const { drift = 0, delay = 0, luck = 0 } = this.noise ?? {};
    const own = milliseconds * (1 + luck * (2 * this.#random() - 1));
    return async () => {
      this.#run++;
      const slow = 1 + drift * (1 + Math.sin(this.#run / 97));
      const neighbour = this.noise && this.#random() < 0.3 ? this.#random() * delay : 0;
      this.#clock += own * slow * (1 + 0.02 * this.#random() * (this.noise ? 1 : 0)) + neighbour;
    };
  }
}
