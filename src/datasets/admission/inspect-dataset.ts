import type { DatasetInspection } from '../../contracts/dataset.js';
import { runIsolated } from '../../platform/isolated.js';

const SCAN_WORKER = new URL('./scan-worker.js', import.meta.url);

/** MAX_UNPACKED_BYTES at a slow 50 MB/s. */
const MAX_SCAN_MILLISECONDS = 330_000;
/** The scan needs a few chunks; the rest is slack for the collector. */
const MAX_SCAN_HEAP_MEBIBYTES = 128;

/**
 * The admission scan of an uploaded dataset, npz or npy by its content: one streaming pass in a thread of its own, which checks the archive, every
 * header, size and checksum, and finds the first sample of each float array that is not finite.
 * @throws ServiceError with the code of what is wrong (not_a_dataset, unsafe_dataset, unsupported_dtype, corrupt_dataset, …).
 */
export function inspectDataset(path: string, signal: AbortSignal): Promise<DatasetInspection> {
  const budget = { milliseconds: MAX_SCAN_MILLISECONDS, heapMebibytes: MAX_SCAN_HEAP_MEBIBYTES };
  return runIsolated<DatasetInspection>(SCAN_WORKER, { path }, budget, signal);
}
