import { ApiKey } from '../../contracts/key.js';
import { prefixOfKey } from '../../security/api-key.js';
import type { ApiKeyRow } from '../../storage/schema.js';

/** A key's record as a client sees it: never its secret, never its hash. */
export function toKey(row: ApiKeyRow): ApiKey {
  return {
    object: 'key',
    id: ApiKey.shape.id.parse(row.id),
    name: row.name,
    tenant: row.tenant,
    scopes: [...row.scopes],
    prefix: prefixOfKey(row.id),
    created_at: row.created_at.toISOString(),
  };
}
