import type { ModelInspection } from '../../contracts/model.js';
import { runIsolated } from '../../platform/isolated.js';
import { MAX_SCAN_HEAP_MEBIBYTES, MAX_SCAN_MILLISECONDS } from './limits.js';

const SCAN_WORKER = new URL('./scan-worker.js', import.meta.url);

/**
 * The admission scan of an uploaded model, in a thread of its own with a bound on time and heap. It never loads weights and never opens the
 * external data files: of them only name and size count.
 * @param file where the ONNX file lies, and its size.
 * @param external the uploaded external data files by the location that the model names, with their sizes.
 * @throws ServiceError with the code of what is wrong (not_onnx, truncated_model, invalid_model, model_limit_exceeded, …).
 */
export function inspectModel(
  file: { readonly path: string; readonly bytes: number },
  external: readonly { readonly location: string; readonly bytes: number }[],
  signal: AbortSignal,
): Promise<ModelInspection> {
  const budget = { milliseconds: MAX_SCAN_MILLISECONDS, heapMebibytes: MAX_SCAN_HEAP_MEBIBYTES };
  const input = { path: file.path, external: external.map(({ location, bytes }) => ({ location, bytes })) };
  return runIsolated<ModelInspection>(SCAN_WORKER, input, budget, signal);
}
