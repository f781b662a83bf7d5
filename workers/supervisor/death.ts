import type { JobError } from '../../src/contracts/problem.js';
import { jobError, outOfMemory, saysOutOfMemory } from '../failure.js';

/** How an engine process ended that did not say how it ended. */
export interface Death {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to standard error. */
  readonly lastWords: string;
  /** What it said it was doing. */
  readonly phase: string;
}

/**
 * Why the engine died, from its last words and its signal. Out of memory is a property of the job; everything else is a crash,
 * which another attempt may not meet. The words themselves are a library's and never leave this function.
 */
export function causeOfDeath({ exitCode, signal, lastWords, phase }: Death): { error: JobError; crash: boolean } {
  if (saysOutOfMemory(lastWords)) return { error: outOfMemory({ phase }), crash: false };
  const how = signal === null ? `exit code ${exitCode}` : `signal ${signal}`;
  return {
    crash: true,
    error: jobError('runtime_crash', `The engine ended by ${how} without a result.`, {
      phase,
      hint: 'A model that crashes ONNX Runtime every time cannot be compressed; try the optimized scheme or other shapes.',
    }),
  };
}
