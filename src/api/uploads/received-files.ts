import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../platform/errors.js';
import { firstSignal } from '../../platform/first-signal.js';
import { MAX_FORM_BYTES, MAX_UPLOAD_BYTES } from '../../security/limits.js';
import type { BlobStore, ReceivedBlob } from '../../storage/blobs/blob-store.js';
import { ByteBudget, chunks } from './chunks.js';

/** Asked of the header: a route whose model comes from a spec and not from a body knows no forms. */
const FORM = /^multipart\/form-data\b/i;

/** The files of one upload on their way to disk. Whatever is not kept is gone after `discard`. */
export class ReceivedFiles {
  readonly #received: ReceivedBlob[] = [];
  readonly #budget = new ByteBudget(MAX_FORM_BYTES);
  readonly #signal: AbortSignal;

  constructor(
    private readonly blobs: BlobStore,
    request: FastifyRequest,
    /** Aborts when nobody waits for the answer any more. */
    readonly gone: AbortSignal,
  ) {
    const { bodySignal } = request;
    this.#signal = bodySignal === null ? gone : firstSignal([gone, bodySignal]);
    const declared = Number(request.headers['content-length'] ?? 0);
    const most = FORM.test(request.headers['content-type'] ?? '') ? MAX_FORM_BYTES : MAX_UPLOAD_BYTES;
    if (declared > most) {
      throw new ServiceError('payload_too_large', `One upload may hold ${most} bytes; this one announces ${declared}.`);
    }
  }

  /** Takes one stream to disk. @throws ServiceError payload_too_large, upload_too_slow, no_space, malformed_request */
  async receive(content: Readable, limit: number = MAX_UPLOAD_BYTES): Promise<ReceivedBlob> {
    const blob = await this.blobs.receive(chunks(content, this.#budget, this.#signal), { limit });
    this.#received.push(blob);
    return blob;
  }

  async discard(): Promise<void> {
    await Promise.all(this.#received.map((blob) => blob.discard()));
  }
}
