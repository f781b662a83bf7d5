import { z } from 'zod';
import { KeyId } from '../../contracts/ids.js';
import { ApiKey, CreatedKey, CreateKey, SCOPES, type Scope } from '../../contracts/key.js';
import { listOf, PageQuery } from '../../contracts/list.js';
import { ServiceError } from '../../platform/errors.js';
import { newId } from '../../platform/ids.js';
import { hashOfKey, newSecret } from '../../security/api-key.js';
import type { Authenticator } from '../../security/authenticator.js';
import { deleteApiKey, insertApiKey, listApiKeys } from '../../storage/records/api-keys.js';
import { tenant } from '../../storage/tenant.js';
import type { App } from '../app-type.js';
import { answerOnce } from '../idempotency.js';
import { principalOf } from '../plugins/authentication.js';
import { toKey } from '../present/key.js';
import { toList } from '../present/list.js';
import type { Services } from '../services.js';

interface Options {
  readonly services: Services;
  readonly authenticator: Authenticator;
}

const DEFAULT_SCOPES: readonly Scope[] = ['read', 'write'];

/**
 * What a new key may do. The first key ends the keyless service, so whoever makes it must be able to make and remove others with it.
 * @throws ServiceError invalid_request for a first key without the scope admin
 */
function scopesOf(wanted: readonly Scope[] | undefined, first: boolean): readonly Scope[] {
  if (!first) return wanted ?? DEFAULT_SCOPES;
  if (wanted === undefined || wanted.includes('admin')) return wanted ?? SCOPES;
  const message =
    'The first key makes the service ask everyone for one, and only a key with the scope "admin" makes others: name it, or leave "scopes" out to get all.';
  throw new ServiceError('invalid_request', message, {
    errors: [
      {
        pointer: '/scopes',
        code: 'admin_needed',
        message,
        expected: SCOPES.map((scope) => JSON.stringify(scope)).join(', '),
        received: wanted.map((scope) => JSON.stringify(scope)).join(', '),
      },
    ],
  });
}

/** /v1/keys: who may call. A secret is shown once and never stored, not even for a repeated answer. */
export async function keyRoutes(app: App, { services, authenticator }: Options): Promise<void> {
  const { database } = services;
  app.post(
    '/v1/keys',
    {
      config: { scope: 'admin' },
      schema: {
        operationId: 'createKey',
        summary: 'Make an API key',
        description:
          'The first key makes the service ask everyone for one, and has the scope admin. Send it as Authorization: Bearer mp_….',
        tags: ['Keys'],
        body: CreateKey,
        response: { 201: CreatedKey },
      },
    },
    async (request, reply) => {
      const { name, tenant: named } = request.body;
      const principal = principalOf(request);
      const scopes = scopesOf(request.body.scopes, principal.local);
      const id = newId('key');
      const secret = newSecret(id);
      const owner = named === undefined ? principal.tenant : tenant(named);
      const { body, replayed } = await answerOnce(database, request, reply, request.body, async (trx) => {
        const row = await insertApiKey(trx, owner, { id, name, scopes, secretHash: hashOfKey(secret) });
        return { status: 201, headers: { location: `/v1/keys/${id}` }, body: { ...toKey(row), secret: null } };
      });
      authenticator.keyMade();
      return reply.send({ ...(body as CreatedKey), secret: replayed ? null : secret });
    },
  );
  app.get(
    '/v1/keys',
    {
      config: { scope: 'admin' },
      schema: {
        operationId: 'listKeys',
        summary: 'List the API keys of every tenant, newest first',
        tags: ['Keys'],
        querystring: PageQuery,
        response: { 200: listOf(ApiKey) },
      },
    },
    async (request) => toList(await listApiKeys(database.queries, request.query), toKey),
  );
  app.delete(
    '/v1/keys/:id',
    {
      config: { scope: 'admin' },
      schema: {
        operationId: 'deleteKey',
        summary: 'End an API key at once',
        tags: ['Keys'],
        params: z.object({ id: KeyId }),
        response: { 204: z.undefined().meta({ description: 'The key is gone.' }) },
      },
    },
    async (request, reply) => {
      await deleteApiKey(database.queries, request.params.id);
      return reply.code(204).send();
    },
  );
}
