import type { FastifyReply } from 'fastify';
import { ServiceError } from '../platform/errors.js';

/**
 * Aborts when the connection is closed, by the client or after the answer. Fastify's own `request.signal` aborts as soon as the
 * body has been read.
 */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const abort = () => gone.abort(new ServiceError('malformed_request', 'The connection was closed before the answer.'));
  if (reply.raw.destroyed) abort();
  else reply.raw.once('close', abort);
  return gone.signal;
}
