import type { IncomingMessage } from 'node:http';
import plugin from 'fastify-plugin';
import { newId } from '../../platform/ids.js';
import type { App } from '../app-type.js';

const WELL_FORMED = /^[A-Za-z0-9_-]{1,64}$/;

/** The client's own X-Request-Id when it is well-formed, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && WELL_FORMED.test(given) ? given : newId('req');
}

/** Every answer names its request. */
export const requestId = plugin(
  async (app: App) => {
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id);
    });
  },
  { name: 'request-id' },
);
