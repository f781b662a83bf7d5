import type { ModelInspection } from '../../../src/contracts/model.js';
import { scanModel } from '../../../src/onnx/admission/scan-model.js';

/** Scans bytes in memory; external data files are given by their sizes. */
export function scan(bytes: Uint8Array, external: Readonly<Record<string, number>> = {}): ModelInspection {
  const read = (position: number, target: Uint8Array) => {
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  return scanModel({ size: bytes.length, read }, new Map(Object.entries(external)));
}
