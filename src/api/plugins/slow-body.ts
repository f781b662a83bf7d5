import type { IncomingMessage } from 'node:http';
import plugin from 'fastify-plugin';
import { ServiceError } from '../../platform/errors.js';
import { BODY_WINDOW_SECONDS, LINGER_MS, MIN_BODY_BYTES_PER_SECOND } from '../../security/limits.js';
import type { App } from '../app-type.js';

const MIN_BYTES = MIN_BODY_BYTES_PER_SECOND * BODY_WINDOW_SECONDS;

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborted with upload_too_slow when the body comes in too slowly: whoever reads the body stops at it. */
    bodySignal: AbortSignal | null;
  }
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;

/**
 * Watches the pace of every body at its socket, which costs the body nothing, and reads the rest of a refused body for a
 * moment, so that its sender gets to see the answer.
 */
export const slowBody = plugin(
  async (app: App, { windowMs = BODY_WINDOW_SECONDS * 1000 }: { readonly windowMs?: number }) => {
    app.decorateRequest('bodySignal', null);
    app.addHook('onRequest', async (request, reply) => {
      const { raw } = request;
      if (!hasBody(raw)) return;
      const controller = new AbortController();
      request.bodySignal = controller.signal;
      let seen = raw.socket.bytesRead;
      const watch = setInterval(() => {
        if (raw.complete) return clearInterval(watch);
        const received = raw.socket.bytesRead - seen;
        seen += received;
        if (received >= (MIN_BYTES * windowMs) / (BODY_WINDOW_SECONDS * 1000)) return;
        const detail = `The body came in slower than ${MIN_BODY_BYTES_PER_SECOND} bytes per second over ${windowMs / 1000} s.`;
        const error = new ServiceError('upload_too_slow', detail);
        controller.abort(error);
        // A body that Fastify itself reads (JSON) has no reader of ours that could stop: the answer is given here.
        if (request.routeOptions.config.streamsBody !== true && !reply.sent) reply.send(error);
        clearInterval(watch);
      }, windowMs);
      reply.raw.once('close', () => clearInterval(watch));
    });
    app.addHook('onResponse', async ({ raw }) => {
      if (raw.complete || raw.destroyed) return;
      raw.resume();
      const close = setTimeout(() => raw.socket.destroy(), LINGER_MS);
      raw.once('close', () => clearTimeout(close));
      raw.once('end', () => clearTimeout(close));
    });
  },
  { name: 'slow-body' },
);
