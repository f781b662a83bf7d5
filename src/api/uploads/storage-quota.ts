import { ServiceError } from '../../platform/errors.js';
import type { Principal } from '../../security/principal.js';
import type { Queries } from '../../storage/database.js';
import { storedBytes } from '../../storage/records/stored-bytes.js';

const GIB = 1024 ** 3;

/**
 * Whether a tenant may bring more. Looked at before the body is read, so a tenant passes its quota by what it uploads at the same
 * time at most. On a service without keys the disk is the limit.
 * @throws ServiceError storage_quota_exceeded
 */
export async function checkStorageQuota(queries: Queries, { tenant, local }: Principal, quota: number): Promise<void> {
  if (local) return;
  const stored = await storedBytes(queries, tenant);
  if (stored < quota) return;
  const gibibytes = (bytes: number) => `${(bytes / GIB).toPrecision(3)} GiB`;
  throw new ServiceError('storage_quota_exceeded', `${gibibytes(stored)} of ${gibibytes(quota)} are taken.`, {
    hint: 'Delete models, datasets and jobs that are not needed any more.',
  });
}
