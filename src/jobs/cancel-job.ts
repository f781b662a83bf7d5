import type { Trx } from '../storage/database.js';
import { found } from '../storage/records/not-found.js';
import type { JobRow } from '../storage/schema.js';
import type { Tenant } from '../storage/tenant.js';
import { decideRequestCancel } from './decisions/cancel.js';
import { transition } from './transact.js';

/**
 * Cancels a job within the caller's transaction: at once while nobody works on it, else its worker will within seconds. `outcome`
 * is `already` when it had been cancelled before. After the commit, `announceJob`. Throws `not_found` and `already_finished`.
 */
export async function acceptCancel(
  trx: Trx,
  tenant: Tenant,
  id: string,
): Promise<{ outcome: 'cancelled' | 'cancelling' | 'already'; job: JobRow }> {
  return found((await transition(trx, id, decideRequestCancel, { tenant })) ?? undefined, 'job', id);
}
