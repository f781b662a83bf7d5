import type { FastifyReply, FastifyRequest } from 'fastify';
import { canonicalHash } from '../platform/canonical-json.js';
import { ServiceError } from '../platform/errors.js';
import type { OpenDatabase, Trx } from '../storage/database.js';
import { once } from '../storage/records/idempotency-keys.js';
import type { StoredResponse } from '../storage/schema.js';
import { principalOf } from './plugins/authentication.js';
import { pathOf } from './plugins/problems.js';

const WELL_FORMED = /^[\x21-\x7e]{1,255}$/;

/** The request's Idempotency-Key, bare or in quotes; null without one. */
function keyOf(request: FastifyRequest): string | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  const key = typeof header === 'string' ? header.replace(/^"(.*)"$/, '$1') : '';
  if (WELL_FORMED.test(key)) return key;
  throw new ServiceError('malformed_request', 'An Idempotency-Key has 1 to 255 printable characters without spaces.');
}

/**
 * Runs the effect of a POST in one transaction and answers with what it gives: once for each Idempotency-Key of a tenant and
 * route, however often the request comes. `body` is what must be equal for the requests to be the same.
 */
export async function answerOnce(
  database: OpenDatabase,
  request: FastifyRequest,
  reply: FastifyReply,
  body: unknown,
  effect: (trx: Trx) => Promise<StoredResponse>,
): Promise<{ readonly body: unknown; readonly replayed: boolean }> {
  const key = keyOf(request);
  const { tenant } = principalOf(request);
  // The path and not its pattern: cancelling another job is another request.
  const scope = `${request.method} ${pathOf(request)}`;
  const { response, replayed } =
    key === null
      ? { response: await database.transaction(effect), replayed: false }
      : await once(database, { tenant, scope, key, requestHash: canonicalHash(body) }, effect);
  reply.code(response.status).headers(response.headers);
  if (replayed) reply.header('idempotency-replayed', 'true');
  return { body: response.body, replayed };
}
