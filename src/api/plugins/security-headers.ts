import helmet from '@fastify/helmet';
import plugin from 'fastify-plugin';
import type { App } from '../app-type.js';

/** Helmet's headers. Answers are data, never pages: nothing may be loaded or framed. The documentation sets its own policy. */
export const securityHeaders = plugin(
  async (app: App) => {
    await app.register(helmet, {
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      // TLS ends at a proxy in front of this service, which knows whether to promise it.
      strictTransportSecurity: false,
    });
  },
  { name: 'security-headers' },
);
