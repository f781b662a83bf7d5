import underPressure from '@fastify/under-pressure';
import plugin from 'fastify-plugin';
import { ServiceError } from '../../platform/errors.js';
import type { App } from '../app-type.js';

/** Turns new work away while the event loop lags. Who only asks is still answered: a poller told to come back comes back more often. */
export const pressure = plugin(
  async (app: App, options: { readonly maxEventLoopDelayMs: number }) => {
    await app.register(underPressure, {
      maxEventLoopDelay: options.maxEventLoopDelayMs,
      pressureHandler: (request, _reply, _type, delayMs) => {
        // Infinite stands for a second in which the lag was never sampled, as right after the start: that says nothing.
        const lags = delayMs !== Number.POSITIVE_INFINITY;
        if (!lags || request.routeOptions.config.scope !== 'write') return;
        throw new ServiceError('overloaded', 'The service has more to do than it can answer. Try again in a moment.');
      },
    });
  },
  { name: 'pressure' },
);
