import type { TensorProto } from 'onnx-buf';
import { ServiceError } from '../../platform/errors.js';

/** Gives `length` bytes at `offset` of the external file named `location`; without a length, all to its end. */
export type ReadExternal = (location: string, offset: number, length: number | undefined) => Uint8Array;

/** Reads from files that are in memory, without copying. @throws ServiceError missing_external_data, truncated_model */
export function readFromMemory(files: ReadonlyMap<string, Uint8Array>): ReadExternal {
  return (location, offset, length) => {
    const file = files.get(location);
    if (!file) throw missingFile(location);
    const end = length === undefined ? file.byteLength : offset + length;
    if (offset > end || end > file.byteLength) throw fileTooShort(location, end, file.byteLength);
    return file.subarray(offset, end);
  };
}

export const missingFile = (location: string): ServiceError =>
  new ServiceError(
    'missing_external_data',
    `the model names the external file ${JSON.stringify(location)}, which is not there`,
  );

export const fileTooShort = (location: string, wanted: number, found: number): ServiceError =>
  new ServiceError(
    'truncated_model',
    `the external file ${JSON.stringify(location)} has ${found} bytes, and a tensor reads up to byte ${wanted}`,
  );

/** Where a tensor's bytes lie: the entries `location`, `offset` and `length` of TensorProto.external_data. */
export function externalBytes(proto: TensorProto, read: ReadExternal): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (location === undefined) {
    throw new ServiceError('invalid_model', `tensor ${JSON.stringify(proto.name)} is external but names no location`);
  }
  const number = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new ServiceError(
        'invalid_model',
        `tensor ${JSON.stringify(proto.name)} has the external ${key} ${JSON.stringify(text)}`,
      );
    }
    return value;
  };
  return read(location, number('offset') ?? 0, number('length'));
}
