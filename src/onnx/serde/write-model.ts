import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../ir/graph.js';
import { encodeModelChunks } from './encode-model.js';
import type { Placement } from './write-tensor.js';

/** Bytes past which a model's constants move to external files: 1.9 GiB, below protobuf's 2 GiB with room for the graph. */
export const EXTERNAL_DATA_THRESHOLD = Math.floor(1.9 * 2 ** 30);
/** External tensors start at multiples of a page, so that ONNX Runtime can map them. */
const ALIGNMENT = 4096;
/** Smaller constants (shapes, scalars, biases) stay in the model, where tools look for them. */
const SMALLEST_EXTERNAL = 1024;

export interface WrittenFile {
  /** Plain file name in the folder. */
  readonly file: string;
  readonly path: string;
  readonly bytes: number;
  /** How the model names it; null for the ONNX file itself. */
  readonly location: string | null;
}

/** Lays external constants into files of at most `limit` bytes each (a larger tensor has a file of its own). */
function placeConstants(model: Model, limit: number): Map<string, Placement> {
  const places = new Map<string, Placement>();
  let file = 0;
  let end = 0;
  for (const [name, tensor] of model.graph.initializers) {
    if (tensor.strings || tensor.bytes.byteLength < SMALLEST_EXTERNAL) continue;
    let offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    if (offset > 0 && offset + tensor.bytes.byteLength > limit) {
      file++;
      offset = 0;
    }
    places.set(name, { location: `w${file}.bin`, offset });
    end = offset + tensor.bytes.byteLength;
  }
  return places;
}

async function writeChunks(path: string, chunks: Iterable<{ bytes: Uint8Array; offset?: number }>): Promise<number> {
  const handle = await open(path, 'w');
  try {
    let position = 0;
    for (const { bytes, offset } of chunks) {
      position = offset ?? position;
      for (let done = 0; done < bytes.byteLength; ) {
        done += (await handle.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
      }
      position += bytes.byteLength;
    }
    return position;
  } finally {
    await handle.close();
  }
}

/**
 * Writes a model into a folder: one ONNX file, and external data files w0.bin, w1.bin, … when the model would pass `limit` bytes.
 * @param name file name of the ONNX file
 */
export async function writeModel(
  model: Model,
  folder: string,
  name: string,
  limit: number = EXTERNAL_DATA_THRESHOLD,
): Promise<WrittenFile[]> {
  const total = [...model.graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const places = total > limit ? placeConstants(model, limit) : new Map<string, Placement>();
  const written: WrittenFile[] = [];
  const write = async (
    file: string,
    location: string | null,
    chunks: Iterable<{ bytes: Uint8Array; offset?: number }>,
  ) => {
    const path = join(folder, file);
    written.push({ file, path, bytes: await writeChunks(path, chunks), location });
  };
  await write(
    name,
    null,
    encodeModelChunks(model, places).map((bytes) => ({ bytes })),
  );
  for (const location of new Set([...places.values()].map((place) => place.location))) {
    const chunks = [...places].flatMap(([constant, place]) => {
      const tensor = model.graph.initializers.get(constant);
      return place.location === location && tensor ? [{ bytes: tensor.bytes, offset: place.offset }] : [];
    });
    await write(location, location, chunks);
  }
  return written;
}
