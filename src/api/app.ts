import Fastify, { LogController } from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import { Registry } from 'prom-client';
import type { Config } from '../platform/config.js';
import type { Logger } from '../platform/logger.js';
import { Authenticator } from '../security/authenticator.js';
import {
  HANDLER_TIMEOUT_MS,
  HEADERS_TIMEOUT_MS,
  MAX_EVENT_LOOP_DELAY_MS,
  MAX_JSON_BYTES,
  RATE_LIMIT_REQUESTS,
  REQUEST_TIMEOUT_MS,
} from '../security/limits.js';
import type { App } from './app-type.js';
import { answerClientError } from './client-error.js';
import { authentication } from './plugins/authentication.js';
import { draining } from './plugins/draining.js';
import { jsonBody } from './plugins/json-body.js';
import { openapi } from './plugins/openapi.js';
import { pressure } from './plugins/pressure.js';
import { problems, sendProblem } from './plugins/problems.js';
import { rateLimit } from './plugins/rate-limit.js';
import { requestId, requestIdOf } from './plugins/request-id.js';
import { requestLog } from './plugins/request-log.js';
import { requestMetrics } from './plugins/request-metrics.js';
import { securityHeaders } from './plugins/security-headers.js';
import { slowBody } from './plugins/slow-body.js';
import { asServiceError } from './problem.js';
import { routes } from './routes/index.js';
import type { Services } from './services.js';
import { validatorCompiler } from './validation.js';

export interface AppOptions {
  readonly services: Services;
  readonly config: Pick<Config, 'adminKey'>;
  readonly logger: Logger;
  /** Requests per tenant and minute. */
  readonly rateLimitRequests?: number;
  /** Bytes that a tenant may keep. */
  readonly tenantStorageBytes?: number;
  /** Milliseconds over which the pace of a body is measured. */
  readonly bodyWindowMs?: number;
  /** Milliseconds that the event loop may lag before requests are turned away. */
  readonly maxEventLoopDelayMs?: number;
  /** Milliseconds between the pings of an event stream. */
  readonly pingMs?: number;
}

/** The whole HTTP service over open services. It listens to nothing yet; `close` ends streams and requests, not the services. */
export async function buildApp(options: AppOptions): Promise<App> {
  const { services, config, logger, bodyWindowMs } = options;
  const { rateLimitRequests = RATE_LIMIT_REQUESTS, maxEventLoopDelayMs = MAX_EVENT_LOOP_DELAY_MS } = options;
  const registry = new Registry();
  const authenticator = new Authenticator(services.database.queries, config.adminKey);
  const app: App = Fastify({
    loggerInstance: logger,
    genReqId: requestIdOf,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    bodyLimit: MAX_JSON_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    handlerTimeout: HANDLER_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => sendProblem(asServiceError(error), request, reply),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(problems);
  await app.register(requestId);
  await app.register(requestLog);
  await app.register(draining);
  await app.register(requestMetrics, { registry });
  await app.register(securityHeaders);
  await app.register(openapi);
  await app.register(slowBody, bodyWindowMs === undefined ? {} : { windowMs: bodyWindowMs });
  await app.register(pressure, { maxEventLoopDelayMs });
  await app.register(authentication, { authenticator });
  await app.register(rateLimit, { requests: rateLimitRequests });
  await app.register(jsonBody);
  await app.register(routes, { ...options, registry, authenticator });
  return app;
}
