import underPressure from '@fastify/under-pressure';
import plugin from 'fastify-plugin';
import { ServiceError } from '../../platform/errors.js';
import type { App } from '../app-type.js';

/** Turns requests away while the event loop lags, except those that ask how the service is. */
export const pressure = plugin(
  async (app: App, options: { readonly maxEventLoopDelayMs: number }) => {
    await app.register(underPressure, {
      maxEventLoopDelay: options.maxEventLoopDelayMs,
      pressureHandler: (request) => {
        if (request.routeOptions.config.scope === 'none') return;
        throw new ServiceError('overloaded', 'The service has more to do than it can answer. Try again in a moment.');
      },
    });
  },
  { name: 'pressure' },
);
