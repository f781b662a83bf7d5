import type { Scope } from '../../contracts/key.js';
import { newId } from '../../platform/ids.js';
import type { Queries } from '../database.js';
import { type ApiKeyRow, json } from '../schema.js';
import type { Tenant } from '../tenant.js';
import { found } from './not-found.js';
import { type Page, type PageRequest, pageOf } from './page.js';

export interface NewApiKey {
  /** Made by the caller, because the secret shows a part of it. */
  readonly id?: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly secretHash: string;
}

export async function insertApiKey(queries: Queries, tenant: Tenant, key: NewApiKey): Promise<ApiKeyRow> {
  return queries
    .insertInto('api_keys')
    .values({
      id: key.id ?? newId('key'),
      tenant,
      name: key.name,
      scopes: json(key.scopes),
      secret_hash: key.secretHash,
      created_at: new Date(),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function findApiKeyByHash(queries: Queries, secretHash: string): Promise<ApiKeyRow | undefined> {
  return queries.selectFrom('api_keys').selectAll().where('secret_hash', '=', secretHash).executeTakeFirst();
}

/** Whether any key of any tenant exists: without one the service serves its local tenant. */
export async function anyApiKey(queries: Queries): Promise<boolean> {
  return (await queries.selectFrom('api_keys').select('id').limit(1).executeTakeFirst()) !== undefined;
}

/** The keys of every tenant, newest first: managing keys is the administrator's. */
export async function listApiKeys(queries: Queries, page: PageRequest): Promise<Page<ApiKeyRow>> {
  let query = queries.selectFrom('api_keys').selectAll();
  if (page.after !== undefined) query = query.where('id', '<', page.after);
  return pageOf(
    await query
      .orderBy('id', 'desc')
      .limit(page.limit + 1)
      .execute(),
    page,
  );
}

/** Ends a key at once. @throws not_found */
export async function deleteApiKey(queries: Queries, id: string): Promise<void> {
  found(await queries.deleteFrom('api_keys').where('id', '=', id).returning('id').executeTakeFirst(), 'key', id);
}
