import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalHash } from '../../src/platform/canonical-json.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { temporaryPath } from '../../src/storage/blobs/durable-files.js';
import { CALIBRATION_RUN, checkpointFile, type EngineTask } from '../protocol.js';
import { openResultFile } from './result.js';

/** Raised when entries of an earlier version must not be read: their form, or what is measured, has changed. */
const FORMAT = 1;
/** What one step measured: histograms of a thousand tensors take 32 MiB. */
const MAX_ENTRY_BYTES = 64 * 1024 ** 2;
/** Of all tenants together; what was used longest ago goes first. */
const MAX_TOTAL_BYTES = 1024 ** 3;
/** Without use, an entry outlives its model and dataset by a week at the most. */
const MAX_UNUSED_MS = 7 * 24 * 3_600_000;
const SHA256_BYTES = 32;

/** The folder of what was measured on calibration samples. */
export const calibrationRoot = (dataDir: string): string => join(dataDir, 'calibrations');

/**
 * Names what a step measures on calibration samples: whose it is, model, data, and all of the step that decides what is measured and how,
 * so that what is found is what would be measured anew, to the last bit. Which samples and which form of the model is told apart inside an
 * entry. Null for a step that measures no ranges, or chooses by timing what it measures.
 */
export function calibrationKey(
  tenant: string,
  { spec, step: index, input, dataset, threads }: EngineTask,
): string | null {
  const step = spec.steps[index];
  if (step?.type !== 'quantize' || step.scheme !== 'int8_static' || dataset === null) return null;
  // What becomes of weights and biases is decided after the ranges.
  const { recover, weight_ranges, rounding, bias_correction, ...measured } = step;
  const { sha256, manifest } = dataset;
  return canonicalHash({
    ...{ format: FORMAT, tenant, model: input.sha256, dataset: sha256, manifest, step: measured },
    ...{ threads, machine: cpuFacts() },
  });
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** What steps measured on calibration samples, for later jobs of the same tenant: files named by their keys, each behind its own SHA-256. */
export class CalibrationCache {
  constructor(
    private readonly root: string,
    private readonly limits = { entryBytes: MAX_ENTRY_BYTES, totalBytes: MAX_TOTAL_BYTES, unusedMs: MAX_UNUSED_MS },
  ) {}

  /** Puts an entry where the engine looks for it, unless an earlier attempt of the step left something there. A damaged one is removed. */
  async lend(key: string, scratch: string, step: number): Promise<void> {
    const path = join(this.root, key);
    const entry = await readFile(path).catch(nothingThere);
    if (entry === null) return;
    const content = entry.subarray(SHA256_BYTES);
    if (!digest(content).equals(entry.subarray(0, SHA256_BYTES))) return rm(path, { force: true });
    await utimes(path, new Date(), new Date()).catch(nothingThere);
    await writeFile(join(scratch, checkpointFile(step, CALIBRATION_RUN)), content, { flag: 'wx' }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
  }

  /** Keeps what an engine that finished has measured. @throws ResultRefused when it is not a file */
  async keep(key: string, scratch: string, step: number): Promise<void> {
    const file = checkpointFile(step, CALIBRATION_RUN);
    if ((await stat(join(scratch, file)).catch(nothingThere)) === null) return;
    const handle = await openResultFile(scratch, file);
    try {
      if ((await handle.stat()).size > this.limits.entryBytes) return;
      const content = await handle.readFile();
      await mkdir(this.root, { recursive: true, mode: 0o700 });
      const temporary = temporaryPath(this.root);
      await writeFile(temporary, Buffer.concat([digest(content), content]));
      await rename(temporary, join(this.root, key));
    } finally {
      await handle.close();
    }
    await this.sweep();
  }

  /** Removes what was not used for long, then what was used longest ago until the rest is small enough. */
  async sweep(now = Date.now()): Promise<void> {
    const names = (await readdir(this.root).catch(nothingThere)) ?? [];
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.root, name);
        const entry = await stat(path).catch(nothingThere);
        return entry ? [{ path, bytes: entry.size, used: entry.mtimeMs }] : [];
      }),
    );
    let total = 0;
    for (const { path, bytes, used } of found.flat().sort((a, b) => b.used - a.used)) {
      total += bytes;
      if (total > this.limits.totalBytes || now - used > this.limits.unusedMs) await rm(path, { force: true });
    }
  }
}

/** Null for a file that is not there, or that another worker's sweep has just removed. */
function nothingThere(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
