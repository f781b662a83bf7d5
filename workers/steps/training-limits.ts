import type { StepContext } from './step.js';

/** Of the time that the job has left, what training may use: the rest is for export, evaluation and the steps behind. */
const TRAINING_SHARE = 0.75;
/** Of the memory that the engine may use, what is planned with: estimates miss by up to a quarter. */
const MEMORY_SHARE = 0.75;

/** What the trainings of a step may use. */
export interface TrainingLimits {
  /** Bytes that the process may hold. */
  readonly memoryLimit: number;
  /** Seconds that are left of this fraction of the step's time for training; below 0 when it is used up. */
  secondsLeft(fraction: number): number;
}

/** @param started when the step began, by `performance.now` */
export const trainingLimits = ({ task }: StepContext, started: number): TrainingLimits => ({
  memoryLimit: MEMORY_SHARE * task.memory_bytes,
  secondsLeft: (fraction) => TRAINING_SHARE * fraction * task.seconds_left - (performance.now() - started) / 1000,
});
