import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ServiceError } from '../platform/errors.js';
import { newId } from '../platform/ids.js';
import { problemOf } from './problem.js';

const TOO_SLOW = new Set(['ERR_HTTP_REQUEST_TIMEOUT', 'ERR_HTTP_HEADERS_TIMEOUT']);

/** Answers what is no HTTP request, or never became a whole one, with a problem like any other, and hangs up. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const reason = TOO_SLOW.has(error.code ?? '')
    ? new ServiceError('upload_too_slow', 'The request did not arrive in time.')
    : new ServiceError('malformed_request', 'This is not a well-formed HTTP request.');
  const requestId = newId('req');
  const body = JSON.stringify(problemOf(reason, requestId, ''));
  const { status } = reason.entry;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
