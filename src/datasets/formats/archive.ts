import type { Readable } from 'node:stream';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { MAX_DATASET_ARRAYS } from '../../contracts/dataset.js';
import { ServiceError } from '../../platform/errors.js';
import { MAX_ARRAY_NAME_BYTES, MAX_COMPRESSION_RATIO, MAX_UNPACKED_BYTES, RATIO_FREE_BYTES } from './limits.js';

/** One array file of an npz archive; nothing of it is unpacked yet. */
export interface ArchiveEntry {
  /** The array's name: the entry's without `.npy`. */
  readonly name: string;
  /** Unpacked bytes and checksum as the central directory states them. */
  readonly bytes: number;
  readonly crc32: number;
  open(): Promise<Readable>;
}

/** CWE-22: a name is only ever compared and shown, but a name that looks like a path is no name of an array. */
const PLAIN_NAME = /^[^/\\\p{Cc}\p{Cf}]+\.npy$/u;
const LOCAL_HEADER_BYTES = 30;
const HINT = 'Write it again with numpy.savez or numpy.savez_compressed.';

/**
 * Reads the central directory of an npz archive and refuses, before anything is unpacked, what cannot be one: names that are not plain `*.npy`,
 * doubles, encryption, unknown compression, overlapping entries, and sizes or ratios beyond the limits.
 */
export async function readArchive(path: string): Promise<{ entries: ArchiveEntry[]; close(): void }> {
  const zip = await openPromise(path, { autoClose: false, strictFileNames: true }).catch(damaged);
  try {
    if (zip.entryCount > MAX_DATASET_ARRAYS)
      throw limit(`The archive has ${zip.entryCount} entries; the limit is ${MAX_DATASET_ARRAYS}.`);
    const entries: Entry[] = [];
    for await (const entry of directory(zip)) entries.push(entry);
    const names = entries.map(checkEntry);
    checkTogether(entries, names, zip.fileSize);
    return {
      entries: entries.map((entry, index) => ({
        name: names[index] ?? '',
        bytes: entry.uncompressedSize,
        crc32: entry.crc32,
        open: () => zip.openReadStreamPromise(entry).catch(damaged),
      })),
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function* directory(zip: ZipFile): AsyncGenerator<Entry> {
  try {
    yield* zip.eachEntry();
  } catch (error) {
    damaged(error);
  }
}

/** A library's words never reach a client; they are kept as the cause. */
function damaged(cause: unknown): never {
  throw new ServiceError('corrupt_dataset', 'The zip archive is damaged, cut off, or names its files unsafely.', {
    hint: HINT,
    cause,
  });
}

const limit = (detail: string): ServiceError => new ServiceError('dataset_limit_exceeded', detail, { hint: HINT });

function checkEntry(entry: Entry): string {
  const shown = JSON.stringify(entry.fileName.slice(0, 100));
  if (entry.fileName.endsWith('.pkl'))
    throw new ServiceError('unsafe_dataset', `The archive holds a Python pickle, ${shown}.`, { hint: HINT });
  if (!PLAIN_NAME.test(entry.fileName) || Buffer.byteLength(entry.fileName) > MAX_ARRAY_NAME_BYTES)
    throw new ServiceError(
      'not_a_dataset',
      `The archive holds ${shown}; every entry of an npz is an array, name.npy.`,
      {
        hint: HINT,
      },
    );
  if (!entry.canDecodeFileData())
    throw new ServiceError('corrupt_dataset', `${shown} is encrypted or compressed by a method other than deflate.`, {
      hint: HINT,
    });
  const ratio = entry.uncompressedSize / Math.max(entry.compressedSize, 1);
  if (entry.uncompressedSize > RATIO_FREE_BYTES && ratio > MAX_COMPRESSION_RATIO)
    throw limit(`${shown} unpacks to ${Math.round(ratio)} times its size; the limit is ${MAX_COMPRESSION_RATIO}.`);
  return entry.fileName.slice(0, -'.npy'.length);
}

function checkTogether(entries: readonly Entry[], names: readonly string[], fileSize: number): void {
  if (new Set(names).size !== names.length)
    throw new ServiceError('corrupt_dataset', 'Two arrays of the archive have the same name.', { hint: HINT });
  const sum = entries.reduce((bytes, entry) => bytes + entry.uncompressedSize, 0);
  if (sum > MAX_UNPACKED_BYTES) throw limit(`The arrays unpack to ${sum} bytes; the limit is ${MAX_UNPACKED_BYTES}.`);
  // The better zip bomb (Fifield 2019) unpacks the same bytes under many names.
  const sorted = entries.toSorted((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader);
  sorted.forEach((entry, index) => {
    const end = entry.relativeOffsetOfLocalHeader + LOCAL_HEADER_BYTES + entry.fileNameLength + entry.compressedSize;
    if (end > (sorted[index + 1]?.relativeOffsetOfLocalHeader ?? fileSize))
      throw new ServiceError('corrupt_dataset', 'Entries of the archive overlap.', { hint: HINT });
  });
}
