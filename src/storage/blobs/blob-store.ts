import type { Readable } from 'node:stream';

/** A content in the store, named by its lower-case hexadecimal SHA-256. */
export interface StoredBlob {
  readonly sha256: string;
  readonly bytes: number;
}

/** A content that has arrived whole but is not in the store yet: it may be inspected, then it is kept or discarded. */
export interface ReceivedBlob extends StoredBlob {
  /** A file with the content, until `keep` or `discard`. */
  readonly path: string;
  /** Puts the content into the store, on disk for good when it resolves. */
  keep(): Promise<StoredBlob>;
  /** Removes it. Does nothing after `keep`, so it may stand in a `finally`. */
  discard(): Promise<void>;
}

export interface ReceiveOptions {
  /** The most bytes to take. */
  readonly limit: number;
}

/** First and last byte, both included, as in HTTP. */
export interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Immutable contents, named by what they are: equal contents are one blob. Names come from us alone, no string of a client is
 * ever a part of a path. Which blobs are needed is known by the records; `sweep` removes the others.
 */
export interface BlobStore {
  /**
   * Takes a stream to disk at constant memory, hashing it on the way. On any failure nothing stays behind.
   * @throws payload_too_large beyond the limit, no_space when the disk is full, and what the stream throws, which is how to stop it.
   */
  receive(content: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<ReceivedBlob>;
  /** Moves a file into the store; it is gone from its place afterwards. @throws no_space */
  adopt(path: string): Promise<StoredBlob>;
  /** A stream of the content or of a span of it. @throws not_found before the first byte */
  open(sha256: string, span?: ByteSpan): Promise<Readable>;
  /** The size, or null when there is no such blob. */
  stat(sha256: string): Promise<StoredBlob | null>;
  /** The path of a file with the content, to be read only. @throws not_found */
  localFile(sha256: string): Promise<string>;
  /** Removes blobs that are neither referenced nor young, and abandoned temporary files. @see SweepReport */
  sweep(referenced: ReadonlySet<string>, options: SweepOptions): Promise<SweepReport>;
}

export interface SweepOptions {
  readonly now: number;
  /** A blob without a reference this young may still get one: its record is written after it. */
  readonly blobGraceMs: number;
  /** A temporary file that was not written to for this long has lost its writer. */
  readonly temporaryGraceMs: number;
}
export const SWEEP_GRACE = { blobGraceMs: 24 * 3_600_000, temporaryGraceMs: 3_600_000 } as const;

export interface SweepReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly temporaryFiles: number;
}
