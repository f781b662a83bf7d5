import plugin from 'fastify-plugin';
import type { Scope } from '../../contracts/key.js';
import { ServiceError } from '../../platform/errors.js';
import type { Authenticator } from '../../security/authenticator.js';
import type { Principal } from '../../security/principal.js';
import type { App } from '../app-type.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null only on routes of scope `none`. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** What a key must be allowed to do here; `none` needs no key. Every route declares one. */
    scope?: Scope | 'none';
    /** The handler reads the body itself. */
    streamsBody?: boolean;
  }
}

/** Who sent the request, before anything of it is read. A route without a declared scope is a bug that shows at start. */
export const authentication = plugin(
  async (app: App, { authenticator }: { readonly authenticator: Authenticator }) => {
    app.decorateRequest('principal', null);
    app.addHook('onRoute', ({ method, url, config }) => {
      if (config?.scope === undefined) throw new Error(`${method} ${url} declares no scope`);
    });
    app.addHook('onRequest', async (request) => {
      const { scope } = request.routeOptions.config;
      const open = scope === 'none' && (await authenticator.needsKey().catch(() => true));
      if (open || request.is404) return;
      const principal = await authenticator.authenticate(request.headers);
      if (scope !== undefined && scope !== 'none' && !principal.scopes.includes(scope)) {
        throw new ServiceError('forbidden', `This needs a key with the scope ${scope}.`);
      }
      request.principal = principal;
    });
  },
  { name: 'authentication' },
);

/** The principal of a request on a route that has a scope. */
export function principalOf(request: { readonly principal: Principal | null }): Principal {
  if (request.principal === null) throw new ServiceError('unauthorized', 'This needs an API key.');
  return request.principal;
}
