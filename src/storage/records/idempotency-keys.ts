import { sql } from 'kysely';
import { ServiceError } from '../../platform/errors.js';
import type { OpenDatabase, Queries, Trx } from '../database.js';
import { json, type StoredResponse } from '../schema.js';
import type { Tenant } from '../tenant.js';

/** How long an answer is kept for replay. */
const KEPT_MS = 24 * 3_600_000;

export interface IdempotentRequest {
  readonly tenant: Tenant;
  /** Method and route. */
  readonly scope: string;
  /** What the client sent as Idempotency-Key. */
  readonly key: string;
  /** SHA-256 of the canonical body. */
  readonly requestHash: string;
}

/**
 * Runs an effect once per key: the answer is stored in the effect's own transaction and given again, `replayed`, to an equal request.
 * An effect that throws stores nothing.
 * @throws idempotency_key_in_use while another request with the key is under way; idempotency_key_reused for another body.
 */
export async function once(
  database: OpenDatabase,
  request: IdempotentRequest,
  effect: (trx: Trx) => Promise<StoredResponse>,
): Promise<{ response: StoredResponse; replayed: boolean }> {
  const { tenant, scope, key } = request;
  return database.transaction(async (trx) => {
    await lockKey(trx, request);
    const stored = await trx
      .selectFrom('idempotency_keys')
      .select(['request_hash', 'response', 'expires_at'])
      .where('tenant', '=', tenant)
      .where('scope', '=', scope)
      .where('key', '=', key)
      .executeTakeFirst();
    const now = Date.now();
    if (stored && stored.expires_at.getTime() > now) {
      if (stored.request_hash === request.requestHash) return { response: stored.response, replayed: true };
      throw new ServiceError('idempotency_key_reused', 'Use a new Idempotency-Key for a request with another body.');
    }
    const response = await effect(trx);
    const answer = {
      request_hash: request.requestHash,
      response: json(response),
      expires_at: new Date(now + KEPT_MS),
    };
    await trx
      .insertInto('idempotency_keys')
      .values({ tenant, scope, key, ...answer })
      .onConflict((conflict) => conflict.columns(['tenant', 'scope', 'key']).doUpdateSet(answer))
      .execute();
    return { response, replayed: false };
  });
}

/** Keeps the key to this transaction; the lock ends with it, however it ends. */
async function lockKey(trx: Trx, { tenant, scope, key }: IdempotentRequest): Promise<void> {
  const name = JSON.stringify([tenant, scope, key]);
  const { rows } = await sql<{ locked: boolean }>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) AS locked`.execute(trx);
  if (!rows[0]?.locked) {
    throw new ServiceError(
      'idempotency_key_in_use',
      'A request with this Idempotency-Key is under way. Try again soon.',
      {
        retryAfter: 1,
      },
    );
  }
}

/** For the janitor. */
export async function deleteExpiredIdempotencyKeys(queries: Queries, now: Date): Promise<void> {
  await queries.deleteFrom('idempotency_keys').where('expires_at', '<', now).execute();
}
