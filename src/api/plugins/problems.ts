import type { FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import type { ServiceError } from '../../platform/errors.js';
import { ServiceError as CatalogueError } from '../../platform/errors.js';
import { UNAVAILABLE_RETRY_SECONDS } from '../../security/limits.js';
import type { App } from '../app-type.js';
import { asServiceError, problemOf } from '../problem.js';

/** The path of a request without its query, which may hold what nobody should read in a log. */
export const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

/** Answers a request with an error of the catalogue. */
export function sendProblem(error: ServiceError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, retryable } = error.entry;
  if (status >= 500) request.log.error({ err: error.context.cause ?? error, code: error.code }, 'request failed');
  const retryAfter = error.context.retryAfter ?? (retryable && status >= 429 ? UNAVAILABLE_RETRY_SECONDS : undefined);
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="modelpress"');
  return reply
    .code(status)
    .removeHeader('cache-control')
    .header('x-request-id', request.id)
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(problemOf(error, request.id, pathOf(request)));
}

/** Every error answer is problem+json with a code of the catalogue, also those of Fastify itself, 404 and 405. */
export const problems = plugin(
  async (app: App) => {
    const methodsOf = new Map<string, Set<string>>();
    app.addHook('onRoute', ({ method, url }) => {
      const methods = methodsOf.get(url) ?? new Set();
      for (const one of [method].flat()) methods.add(one);
      methodsOf.set(url, methods);
    });
    app.setErrorHandler((error, request, reply) => sendProblem(asServiceError(error), request, reply));
    app.setNotFoundHandler((request, reply) => {
      const allowed = [...methodsOf].find(([pattern]) => matches(pattern, pathOf(request)))?.[1];
      if (allowed === undefined) {
        return sendProblem(new CatalogueError('not_found', 'There is nothing at this path.'), request, reply);
      }
      reply.header('allow', [...allowed].sort().join(', '));
      const detail = `${request.method} is not possible here, but ${[...allowed].sort().join(', ')}.`;
      return sendProblem(new CatalogueError('method_not_allowed', detail), request, reply);
    });
  },
  { name: 'problems' },
);

/** Whether a path fits a route's pattern, segment by segment; `:name` stands for any segment. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return wanted.length === given.length && wanted.every((part, index) => part.startsWith(':') || part === given[index]);
}
