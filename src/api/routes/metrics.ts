import { register as processRegistry, Registry } from 'prom-client';
import type { App } from '../app-type.js';
import { collectQueueDepth } from '../metrics/queue-depth.js';
import type { Services } from '../services.js';

/** /metrics, for Prometheus: what this app counts, and what the worker in the same process does. */
export async function metricRoutes(
  app: App,
  { services, registry }: { readonly services: Services; readonly registry: Registry },
): Promise<void> {
  collectQueueDepth(registry, services);
  app.get(
    '/metrics',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'metrics',
        summary: 'Counters for Prometheus',
        tags: ['Service'],
        'x-responses': {
          200: { description: 'Prometheus text format', content: { 'text/plain': { schema: { type: 'string' } } } },
        },
      },
    },
    async (_request, reply) =>
      reply.type(registry.contentType).send(await Registry.merge([registry, processRegistry]).metrics()),
  );
}
