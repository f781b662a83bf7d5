import plugin from 'fastify-plugin';
import { Histogram, type Registry } from 'prom-client';
import type { App } from '../app-type.js';

/** From a poll answered from memory to an upload of gigabytes. */
const BUCKETS_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Counts and times every request by route pattern, never by its path, which is the client's. */
export const requestMetrics = plugin(
  async (app: App, { registry }: { readonly registry: Registry }) => {
    const durations = new Histogram({
      name: 'modelpress_http_request_duration_seconds',
      help: 'Time from the first header to the last byte of the answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS_SECONDS,
      registers: [registry],
    });
    app.addHook('onResponse', async (request, reply) => {
      const labels = { method: request.method, route: request.routeOptions.url ?? 'none', status: reply.statusCode };
      durations.observe(labels, reply.elapsedTime / 1000);
    });
  },
  { name: 'request-metrics' },
);
