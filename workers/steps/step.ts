import type { EngineLog } from '../engine/log.js';
import type { EngineResult, EngineTask } from '../protocol.js';

/** What a step has of the world around it: its task, a folder of its own, and three ways to speak. */
export interface StepContext {
  readonly task: EngineTask;
  /** A folder for this attempt alone, removed after it. Result files lie directly in it. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly log: EngineLog;
  /** `fraction` of the whole step, 0 to 1; it never goes back. `left` is how many seconds are to come, where the step knows better than the fraction. */
  progress(phase: string, fraction: number, metrics?: Readonly<Record<string, number>>, left?: number): void;
  /** Runs `timed` while no other engine of this worker computes. */
  exclusive<T>(timed: () => Promise<T>): Promise<T>;
}

/** One kind of step. Throws ServiceError, or the signal's reason when aborted. */
export type StepRunner = (context: StepContext) => Promise<EngineResult>;
