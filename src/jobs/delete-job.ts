import { ServiceError } from '../platform/errors.js';
import type { Trx } from '../storage/database.js';
import { found } from '../storage/records/not-found.js';
import type { Tenant } from '../storage/tenant.js';
import { isDone } from './state-machine.js';

/**
 * Deletes a finished job with its events and artifacts; contents that nothing else refers to are swept later. Throws `not_found`
 * and `job_not_finished`.
 */
export async function deleteJob(trx: Trx, tenant: Tenant, id: string): Promise<void> {
  const job = await trx
    .selectFrom('jobs')
    .select('status')
    .where('id', '=', id)
    .where('tenant', '=', tenant)
    .forUpdate()
    .executeTakeFirst();
  const { status } = found(job, 'job', id);
  if (!isDone(status)) throw new ServiceError('job_not_finished', `The job is ${status}: cancel it first.`);
  await trx.deleteFrom('jobs').where('id', '=', id).execute();
}
