import { ServiceError } from '../../src/platform/errors.js';
import type { EngineTask } from '../protocol.js';
import { totalBytes } from './written-model.js';

/** Weights are held by whoever reads or feeds them and, packed for its kernels, by ONNX Runtime: nothing that an engine does takes less. */
const HELD = 2;
const MEBIBYTE = 1024 ** 2;

/**
 * Refuses a step whose weights alone exceed what the engine may use, before it reads them.
 * @throws ServiceError memory_limit_exceeded
 */
export function refuseBeyondMemory({ original, input, memory_bytes }: EngineTask): void {
  const needed = HELD * Math.max(totalBytes(original), totalBytes(input));
  if (needed <= memory_bytes) return;
  const [least, limit] = [needed, memory_bytes].map((bytes) => Math.ceil(bytes / MEBIBYTE));
  throw new ServiceError(
    'memory_limit_exceeded',
    `The weights of the model take ${least} MiB at the very least while they are worked on, and the engine may use ${limit}.`,
    {
      phase: 'opening',
      hint: 'Let the operator raise ENGINE_MEMORY_MB.',
    },
  );
}
