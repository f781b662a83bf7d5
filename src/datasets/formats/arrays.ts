import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { byteLength } from '../../onnx/ir/tensor.js';
import { ServiceError } from '../../platform/errors.js';
import { type ArchiveEntry, readArchive } from './archive.js';
import { CHUNK_BYTES, MAX_UNPACKED_BYTES } from './limits.js';
import { NPY_MAGIC, type NpyHeader, parseNpyHeader } from './npy-header.js';

/** The name of the only array of an npy file, which has none. */
const UNNAMED_ARRAY = 'data';

/** One array on its way; `data` has to be read to its end before the next array is asked for. */
export interface ArrayStream {
  readonly name: string;
  readonly header: NpyHeader;
  readonly data: AsyncIterable<Uint8Array>;
}

const ZIP_MAGIC = Uint8Array.of(0x50, 0x4b);
const PICKLE_PROTOCOL = 0x80;

/** What a file is, by its first bytes. @throws ServiceError not_a_dataset, or unsafe_dataset for a Python pickle. */
export async function detectFormat(path: string): Promise<'npz' | 'npy'> {
  const file = await open(path, 'r');
  const first = new Uint8Array(NPY_MAGIC.length);
  const { bytesRead } = await file.read(first, 0, first.length, 0).finally(() => file.close());
  const begins = (magic: Uint8Array) =>
    bytesRead >= magic.length && magic.every((byte, index) => first[index] === byte);
  if (begins(NPY_MAGIC)) return 'npy';
  if (begins(ZIP_MAGIC)) return 'npz';
  if (bytesRead > 1 && first[0] === PICKLE_PROTOCOL && (first[1] ?? 0) <= 5)
    throw new ServiceError(
      'unsafe_dataset',
      'The file is a Python pickle, which would have to be executed to be read.',
      {
        hint: 'Save the arrays with numpy.savez.',
      },
    );
  throw new ServiceError('not_a_dataset', 'The file is neither an npz archive nor an npy array.', {
    hint: 'Save the arrays with numpy.savez(path, x=x, labels=labels).',
  });
}

/**
 * Streams every array of an npz or npy file, in file order and at constant memory. Sizes are checked against the header before the data is
 * read, counts and checksums while it is.
 * @throws ServiceError with a dataset code.
 */
export async function* readArrays(path: string, signal: AbortSignal): AsyncGenerator<ArrayStream> {
  if ((await detectFormat(path)) === 'npy') {
    const { size } = await stat(path);
    if (size > MAX_UNPACKED_BYTES)
      throw new ServiceError(
        'dataset_limit_exceeded',
        `The file has ${size} bytes; the limit is ${MAX_UNPACKED_BYTES}.`,
      );
    yield await readArray(UNNAMED_ARRAY, size, createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }), null);
    return;
  }
  const archive = await readArchive(path);
  try {
    for (const entry of archive.entries) {
      signal.throwIfAborted();
      yield await readArray(entry.name, entry.bytes, await entry.open(), entry);
    }
  } finally {
    archive.close();
  }
}

/** Splits a stream into header and data. */
async function readArray(
  name: string,
  bytes: number,
  stream: AsyncIterable<Uint8Array>,
  entry: ArchiveEntry | null,
): Promise<ArrayStream> {
  const where = `Array ${JSON.stringify(name)}`;
  const chunks = guarded(stream, where);
  let head = new Uint8Array(0);
  let header: NpyHeader | null = null;
  while (header === null) {
    const { value, done } = await chunks.next();
    if (done) throw corrupt(where, 'it ends inside its header');
    head = Uint8Array.from(Buffer.concat([head, value]));
    header = parseNpyHeader(head, where);
  }
  const needed = byteLength(header.dtype, header.shape);
  if (header.length + needed !== bytes) {
    await chunks.return(undefined);
    throw corrupt(where, `its type and shape need ${needed} bytes, it holds ${bytes - header.length}`);
  }
  return { name, header, data: verified(head, header.length, chunks, bytes, entry?.crc32 ?? null, where) };
}

/** A damaged deflate stream fails in the words of zlib; a client gets ours. */
async function* guarded(stream: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* stream;
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    throw new ServiceError('corrupt_dataset', `${where} cannot be unpacked.`, { hint: HINT, cause: error });
  }
}

const HINT = 'Write it again with numpy.savez, and check that it was copied whole.';
const corrupt = (where: string, why: string) =>
  new ServiceError('corrupt_dataset', `${where}: ${why}.`, { hint: HINT });

async function* verified(
  head: Uint8Array,
  headerBytes: number,
  rest: AsyncIterable<Uint8Array>,
  bytes: number,
  checksum: number | null,
  where: string,
): AsyncGenerator<Uint8Array> {
  let crc = crc32(head);
  let read = head.length;
  if (head.length > headerBytes) yield head.subarray(headerBytes);
  for await (const chunk of rest) {
    crc = crc32(chunk, crc);
    read += chunk.length;
    if (read > bytes) break;
    yield chunk;
  }
  if (read !== bytes) throw corrupt(where, `it should have ${bytes} bytes and has ${read > bytes ? 'more' : read}`);
  if (checksum !== null && crc !== checksum) throw corrupt(where, 'its checksum does not match');
}
