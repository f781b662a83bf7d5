import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../../platform/errors.js';
import type { BlobStore } from '../../storage/blobs/blob-store.js';
import { byteRange, noneMatches } from './byte-range.js';
import { attachment } from './disposition.js';

export interface Content {
  readonly sha256: string;
  readonly bytes: number;
  /** The name that a browser saves it under. */
  readonly fileName: string;
}

/** A content never changes under its name, so whoever has it never asks again; but only its owner may have it. */
const IMMUTABLE = 'private, max-age=31536000, immutable';

/** Answers GET and HEAD of a content: whole, a range of it, not modified, or 416. */
export async function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: BlobStore,
  content: Content,
): Promise<FastifyReply> {
  const { sha256, bytes } = content;
  const etag = `"sha256:${sha256}"`;
  reply.headers({ etag, 'cache-control': IMMUTABLE, 'accept-ranges': 'bytes', vary: 'authorization' });
  if (noneMatches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  // RFC 9110 §14.2: a range means something for GET only.
  const header = request.method === 'GET' ? request.headers.range : undefined;
  const ifRange = request.headers['if-range'];
  const range = byteRange(header, typeof ifRange === 'string' ? ifRange : undefined, etag, bytes);
  if (range.kind === 'unsatisfiable') {
    reply.header('content-range', `bytes */${bytes}`);
    throw new ServiceError('range_not_satisfiable', `The content has ${bytes} bytes.`);
  }
  reply.headers({
    'content-type': 'application/octet-stream',
    'content-disposition': attachment(content.fileName),
    // RFC 9530: of the whole content, whatever part is sent.
    'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
  });
  if (range.kind === 'part') {
    const { start, end } = range;
    reply.headers({ 'content-range': `bytes ${start}-${end}/${bytes}`, 'content-length': end - start + 1 });
    return reply.code(206).send(await blobs.open(sha256, { start, end }));
  }
  reply.header('content-length', bytes);
  // A stream without anything in it: Fastify counts the bytes of any other payload and would say 0.
  if (request.method === 'HEAD') return reply.send(Readable.from([]));
  return reply.send(await blobs.open(sha256));
}
