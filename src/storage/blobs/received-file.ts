import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { ServiceError } from '../../platform/errors.js';
import type { ReceiveOptions, StoredBlob } from './blob-store.js';

/** Writes a stream to a new file, counting and hashing on the way; the file is on disk when it resolves. Removing it is the caller's. */
export async function writeReceived(
  content: AsyncIterable<Uint8Array>,
  path: string,
  { limit }: ReceiveOptions,
): Promise<StoredBlob> {
  const hash = createHash('sha256');
  let bytes = 0;
  const measured = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      bytes += chunk.byteLength;
      if (bytes > limit) throw new ServiceError('payload_too_large', `The content may have ${limit} bytes at most.`);
      hash.update(chunk);
      yield chunk;
    }
  };
  // Opened before the stream starts: a stream that opens for itself may do so after the caller removed what had failed at once.
  const file = await open(path, 'wx', 0o600);
  await pipeline(measured, file.createWriteStream({ flush: true }));
  return { sha256: hash.digest('hex'), bytes };
}
