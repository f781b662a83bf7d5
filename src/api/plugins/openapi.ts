import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import plugin from 'fastify-plugin';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { App } from '../app-type.js';
import { describeDocument, OPENAPI_INFO } from '../openapi-document.js';

/** The documentation is the only page here: its scripts and styles come from this service alone. */
const DOCS_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

/** /openapi.json and /docs, where / leads, made from the schemas that the routes validate with. */
export const openapi = plugin(
  async (app: App) => {
    app.addHook('onRoute', (route) => {
      if (route.url.startsWith('/docs')) route.config = { ...route.config, scope: 'none' };
      const scope = route.config?.scope;
      if (scope !== undefined)
        route.schema = { ...route.schema, security: scope === 'none' ? [] : [{ bearer: [scope] }] };
    });
    await app.register(swagger, {
      openapi: OPENAPI_INFO,
      transform: jsonSchemaTransform,
      transformObject: (document) => describeDocument(jsonSchemaTransformObject(document)),
    });
    await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_POLICY, logLevel: 'warn' });
    // Whoever opens the service in a browser wants to know what it is.
    app.get('/', { schema: { hide: true }, config: { scope: 'none' } }, (_request, reply) => reply.redirect('/docs'));
    app.get('/openapi.json', { schema: { hide: true }, config: { scope: 'none' } }, async () => app.swagger());
  },
  { name: 'openapi' },
);
