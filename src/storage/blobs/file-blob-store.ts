import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServiceError } from '../../platform/errors.js';
import type {
  BlobStore,
  ByteSpan,
  ReceivedBlob,
  ReceiveOptions,
  StoredBlob,
  SweepOptions,
  SweepReport,
} from './blob-store.js';
import { mapDiskError } from './disk-errors.js';
import { bringInto, moveDurably, sync, temporaryPath } from './durable-files.js';
import { writeReceived } from './received-file.js';
import { sweepFolder } from './sweep.js';

const SHA256 = /^[0-9a-f]{64}$/;

/** Blobs as files: `<root>/ab/cd/abcd…`, with temporary files in `<root>/incoming`, on the same device, so that a rename moves them. */
export class FileBlobStore implements BlobStore {
  private readonly incoming: string;

  private constructor(private readonly root: string) {
    this.incoming = join(root, 'incoming');
  }

  static async open(root: string): Promise<FileBlobStore> {
    const store = new FileBlobStore(root);
    await mkdir(store.incoming, { recursive: true, mode: 0o700 });
    return store;
  }

  async receive(content: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<ReceivedBlob> {
    const path = temporaryPath(this.incoming);
    try {
      const blob = await writeReceived(content, path, options);
      return {
        ...blob,
        path,
        keep: () => this.keep(path, blob),
        discard: () => rm(path, { force: true }),
      };
    } catch (error) {
      await rm(path, { force: true });
      throw mapDiskError(error);
    }
  }

  async adopt(path: string): Promise<StoredBlob> {
    let own: string | undefined;
    try {
      own = await bringInto(this.incoming, path);
      const hash = createHash('sha256');
      await pipeline(createReadStream(own), hash);
      // Now is when the blob is stored: a sweep goes by this time.
      await utimes(own, new Date(), new Date());
      await sync(own);
      return await this.keep(own, { sha256: hash.digest('hex'), bytes: (await stat(own)).size });
    } catch (error) {
      if (own !== undefined) await rm(own, { force: true });
      throw mapDiskError(error);
    }
  }

  async open(sha256: string, span?: ByteSpan): Promise<Readable> {
    try {
      // Opened before the answer starts: a missing blob is an error, not a broken stream.
      const handle = await open(this.pathOf(sha256), 'r');
      return handle.createReadStream(span);
    } catch (error) {
      throw missing(error, sha256);
    }
  }

  async stat(sha256: string): Promise<StoredBlob | null> {
    const found = await stat(this.pathOf(sha256)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return found && { sha256, bytes: found.size };
  }

  async localFile(sha256: string): Promise<string> {
    if ((await this.stat(sha256)) === null) throw missing({ code: 'ENOENT' }, sha256);
    return this.pathOf(sha256);
  }

  sweep(referenced: ReadonlySet<string>, options: SweepOptions): Promise<SweepReport> {
    return sweepFolder(this.root, this.incoming, referenced, options);
  }

  /**
   * An equal blob that is there already is replaced: content and name stay the same, and its new time keeps it from a sweep that saw
   * it without a reference.
   */
  private async keep(path: string, blob: StoredBlob): Promise<StoredBlob> {
    try {
      await moveDurably(path, this.pathOf(blob.sha256));
    } catch (error) {
      throw mapDiskError(error);
    }
    return { sha256: blob.sha256, bytes: blob.bytes };
  }

  private pathOf(sha256: string): string {
    if (!SHA256.test(sha256)) throw new Error('A blob is named by its SHA-256 in lower-case hexadecimal.');
    return join(this.root, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
  }
}

const missing = (error: unknown, sha256: string): unknown =>
  (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? new ServiceError('not_found', `The content ${sha256} is not in the store.`)
    : error;
