import plugin from 'fastify-plugin';
import type { App } from '../app-type.js';

/** One line per answered request: who, what, how it ended, how long it took. Probes only at debug level. */
export const requestLog = plugin(
  async (app: App) => {
    app.addHook('onResponse', async (request, reply) => {
      const line = {
        tenant: request.principal?.tenant,
        method: request.method,
        url: request.url,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      };
      if (request.routeOptions.config.scope === 'none') request.log.debug(line, 'request');
      else request.log.info(line, 'request');
    });
  },
  { name: 'request-log' },
);
