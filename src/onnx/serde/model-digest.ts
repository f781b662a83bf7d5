import { createHash } from 'node:crypto';
import type { Model } from '../ir/graph.js';
import { encodeModelChunks } from './encode-model.js';

/** The most that one call hashes: Node takes less than 2 GiB. */
const CHUNK_BYTES = 2 ** 30;

/** SHA-256 of a model of any size, in lower-case hexadecimal: equal models have equal digests. Not that of its file, which ends at 2 GiB. */
export function modelDigest(model: Model): string {
  const hash = createHash('sha256');
  const text = (value: string) => hash.update(`${Buffer.byteLength(value)}:${value}`);
  const content = (bytes: Uint8Array) => {
    text(String(bytes.byteLength));
    for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) hash.update(bytes.subarray(at, at + CHUNK_BYTES));
  };
  for (const chunk of encodeModelChunks({ ...model, graph: { ...model.graph, initializers: new Map() } }))
    content(chunk);
  for (const [name, { dtype, dims, bytes, strings = [] }] of model.graph.initializers) {
    text(name);
    text(`${dtype} ${dims}`);
    for (const part of [bytes, ...strings]) content(part);
  }
  return hash.digest('hex');
}
