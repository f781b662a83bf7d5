import plugin from 'fastify-plugin';
import { ServiceError } from '../../platform/errors.js';
import type { App } from '../app-type.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborts when the service begins to shut down: whoever waits or streams ends. */
    draining: AbortSignal;
  }
}

/** While the service shuts down, what is under way ends and gives its connection back; what is new is sent elsewhere. */
export const draining = plugin(
  async (app: App) => {
    const begun = new AbortController();
    app.decorate('draining', begun.signal);
    app.addHook('preClose', async () => begun.abort());
    app.addHook('onRequest', async (request) => {
      if (!begun.signal.aborted || request.routeOptions.config.scope === 'none') return;
      throw new ServiceError(
        'draining',
        'This process is shutting down. Try again: another one, or its successor, will answer.',
      );
    });
    app.addHook('onSend', async (_request, reply) => {
      // A connection that stays open would keep the server from closing.
      if (begun.signal.aborted) reply.header('connection', 'close');
    });
  },
  { name: 'draining' },
);
