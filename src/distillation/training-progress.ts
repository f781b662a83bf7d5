import { type Fit, fits, runTimer } from './training-time.js';

export type DistillPhase = 'teacher' | 'distill' | 'baseline';
type Run = Exclude<DistillPhase, 'teacher'>;

export interface ProgressOptions {
  /**
   * @param fraction of the whole work, from 0 to 1
   * @param left seconds of training to come, once they can be told
   */
  progress(phase: DistillPhase, fraction: number, metrics: Readonly<Record<string, number>>, left?: number): void;
  /** A monotonic clock in milliseconds. */
  now(): number;
  /** Seconds left of this fraction of the time for training; when there are none the best weights so far are the result. */
  secondsLeft?(fraction: number): number;
}

/** Fraction of the whole after which the teacher has answered. */
export const TAUGHT = 0.1;

/** How far a distillation is, how long it will take, and whether its time is over. Student and baseline have the same time. */
export class TrainingProgress {
  readonly #runs: Readonly<Record<Run, readonly [number, number]>>;
  #fit: Fit | null = null;

  /** @param baseline whether a baseline is trained behind the student */
  constructor(
    private readonly options: ProgressOptions,
    baseline: boolean,
  ) {
    this.#runs = { distill: [0, baseline ? 1 / 2 : 1], baseline: [1 / 2, 1] };
  }

  /** Whether there is time for it, as far as the first steps told. */
  get fit(): Fit | null {
    return this.#fit;
  }

  outOfTime(run: Run): boolean {
    return this.#secondsLeft(this.#runs[run][1]) < 0;
  }

  /** What a run calls after each step. */
  of(run: Run): (fraction: number, metrics: Readonly<Record<string, number>>) => void {
    const [from, to] = this.#runs[run];
    const runsBehind = (1 - to) / (to - from);
    const timer = runTimer(this.options.now);
    return (fraction, metrics) => {
      const time = timer(fraction);
      const left = time && time.left + runsBehind * time.whole;
      if (left !== null) this.#fit ??= { needed: left, there: this.#secondsLeft(1) };
      this.options.progress(
        run,
        TAUGHT + (1 - TAUGHT) * (from + fraction * (to - from)),
        { ...metrics, ...this.#missing() },
        left === null ? undefined : Math.max(0, Math.min(left, this.#secondsLeft(1))),
      );
    };
  }

  #missing(): Readonly<Record<string, number>> {
    return this.#fit && !fits(this.#fit) ? { seconds_missing: Math.round(this.#fit.needed - this.#fit.there) } : {};
  }

  #secondsLeft(fraction: number): number {
    return this.options.secondsLeft?.(fraction) ?? Number.POSITIVE_INFINITY;
  }
}
