import limiter from '@fastify/rate-limit';
import plugin from 'fastify-plugin';
import { ServiceError } from '../../platform/errors.js';
import { RATE_LIMIT_WINDOW_SECONDS } from '../../security/limits.js';
import type { App } from '../app-type.js';

/**
 * Requests per tenant and window, counted in this process. Every counted answer says where the tenant stands
 * (draft-ietf-httpapi-ratelimit-headers-10); a service without keys counts nothing.
 */
export const rateLimit = plugin(
  async (app: App, { requests }: { readonly requests: number }) => {
    await app.register(limiter, { global: false });
    const count = app.createRateLimit({
      max: requests,
      timeWindow: RATE_LIMIT_WINDOW_SECONDS * 1000,
      keyGenerator: (request) => request.principal?.tenant ?? '',
    });
    app.addHook('onRequest', async (request, reply) => {
      if (request.principal?.local !== false) return;
      const state = await count(request);
      if (state.isAllowed) return;
      reply.header('ratelimit-policy', `"default";q=${requests};w=${RATE_LIMIT_WINDOW_SECONDS}`);
      reply.header('ratelimit', `"default";r=${state.remaining};t=${state.ttlInSeconds}`);
      if (!state.isExceeded) return;
      const detail = `More than ${requests} requests in ${RATE_LIMIT_WINDOW_SECONDS} s. Go on in ${state.ttlInSeconds} s.`;
      throw new ServiceError('rate_limited', detail, { retryAfter: state.ttlInSeconds });
    });
  },
  { name: 'rate-limit', dependencies: ['authentication'] },
);
