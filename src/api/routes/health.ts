import { Liveness, Readiness } from '../../contracts/service.js';
import type { App } from '../app-type.js';
import type { Services } from '../services.js';

/** /livez: the process answers. /readyz: every part that it needs does, and it is not about to end. */
export async function healthRoutes(app: App, { services }: { readonly services: Services }): Promise<void> {
  const tags = ['Service'];
  app.get(
    '/livez',
    {
      config: { scope: 'none' },
      schema: { operationId: 'live', summary: 'Whether the process answers', tags, response: { 200: Liveness } },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    {
      config: { scope: 'none' },
      schema: {
        operationId: 'ready',
        summary: 'Whether every part of the service answers',
        tags,
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      const { ready, parts } = await services.readiness();
      const status = app.draining.aborted ? 'draining' : ready ? 'ready' : 'not_ready';
      return reply.code(status === 'ready' ? 200 : 503).send({ status, parts: { ...parts } });
    },
  );
}
