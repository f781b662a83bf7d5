import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Model } from '../ir/graph.js';
import { decodeModelWith } from './decode-model.js';
import { fileTooShort, missingFile, type ReadExternal } from './external-data.js';

/** A model on disk: the ONNX file and, by the location that it names, its external data files. */
export interface ModelPaths {
  readonly path: string;
  readonly external: readonly { readonly location: string; readonly path: string }[];
}

/** One read call moves at most 1 GiB: the system's own limit lies just below 2 GiB. */
const READ_BYTES = 2 ** 30;

function readAt(descriptor: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = readSync(descriptor, bytes, done, Math.min(READ_BYTES, length - done), offset + done);
    if (count === 0) break;
    done += count;
  }
  return bytes;
}

/**
 * Reads a model with its external data: each external tensor on its own, so that no file is held whole.
 * @throws ServiceError as decodeModel; missing_external_data when a location is not among `external`
 */
export async function readModel({ path, external }: ModelPaths): Promise<Model> {
  const open = new Map<string, number>();
  const descriptorOf = (file: string): number => {
    const descriptor = open.get(file) ?? openSync(file, 'r');
    open.set(file, descriptor);
    return descriptor;
  };
  const readExternal: ReadExternal = (location, offset, length) => {
    const file = external.find((entry) => entry.location === location);
    if (!file) throw missingFile(location);
    const descriptor = descriptorOf(file.path);
    const { size } = fstatSync(descriptor);
    const end = length === undefined ? size : offset + length;
    if (offset > end || end > size) throw fileTooShort(location, end, size);
    return readAt(descriptor, offset, end - offset);
  };
  try {
    const descriptor = descriptorOf(path);
    return decodeModelWith(readAt(descriptor, 0, fstatSync(descriptor).size), readExternal);
  } finally {
    for (const descriptor of open.values()) closeSync(descriptor);
  }
}
