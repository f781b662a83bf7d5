import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ModelInspection } from '../../contracts/model.js';
import { scanModel } from './scan-model.js';

export interface ScanInput {
  readonly path: string;
  readonly external: readonly { readonly location: string; readonly bytes: number }[];
}

/** Scans the ONNX file at `path`, in this thread. */
export function scanFile({ path, external }: ScanInput): ModelInspection {
  const file = openSync(path, 'r');
  try {
    const source = {
      size: fstatSync(file).size,
      read: (position: number, target: Uint8Array) => readSync(file, target, 0, target.length, position),
    };
    return scanModel(source, new Map(external.map(({ location, bytes }) => [location, bytes])));
  } finally {
    closeSync(file);
  }
}
