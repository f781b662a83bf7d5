import type { JobError } from '../src/contracts/problem.js';
import { ERROR_CATALOGUE, type ErrorCode, type ErrorContext, ServiceError } from '../src/platform/errors.js';

/** How V8, the C++ library and ONNX Runtime say that an allocation failed. */
const OUT_OF_MEMORY =
  /bad_alloc|bad_array_new_length|Failed to allocate memory|allocation failed|Cannot allocate memory|heap out of memory|process out of memory|ENOMEM/i;
const NO_SPACE = /\bENOSPC\b/;

/** Whether `text`, a library's or a dying process's last words, says that memory ran out. */
export const saysOutOfMemory = (text: string): boolean => OUT_OF_MEMORY.test(text);

/** Builds the error of a job from the catalogue. */
export function jobError(code: ErrorCode, detail: string, context: ErrorContext = {}): JobError {
  const { title, retryable } = ERROR_CATALOGUE[code];
  return {
    code,
    title,
    detail,
    retryable,
    ...(context.phase !== undefined && { phase: context.phase }),
    ...(context.node && { node: context.node }),
    ...(context.hint !== undefined && { hint: context.hint }),
  };
}

/** The one sentence about memory, wherever it ran out. */
export const outOfMemory = (context: ErrorContext = {}): JobError =>
  jobError('memory_limit_exceeded', 'The step needed more memory than the engine may use.', {
    ...context,
    hint: 'Use smaller shapes or fewer samples, or let the operator raise ENGINE_MEMORY_MB.',
  });

/** Messages of an error and its causes, for patterns and for the log; never for a client. */
export function wordsOf(error: unknown): string {
  const words: string[] = [];
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    seen.add(at);
    words.push(at.stack ?? at.message);
  }
  return words.join('\ncaused by ') || String(error);
}

/**
 * What a client may know about an error thrown while a step was in `phase`: a ServiceError as it is, a failed allocation or a
 * full disk by its name, and anything else as a mistake of ours, without a word of the library that threw it.
 */
export function failureOf(error: unknown, phase: string): JobError {
  const words = wordsOf(error);
  const context = error instanceof ServiceError ? { phase, ...error.context } : { phase };
  if (saysOutOfMemory(words)) return outOfMemory(context);
  if (error instanceof ServiceError) return jobError(error.code, error.detail, context);
  if (NO_SPACE.test(words)) return jobError('no_space', 'The disk of the worker is full.', { phase });
  return jobError('internal_error', 'The engine met a condition that it does not know; its operator has the details.', {
    phase,
  });
}
