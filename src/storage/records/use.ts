import { sql } from 'kysely';
import { TERMINAL_STATUSES } from '../../contracts/job.js';
import { ServiceError } from '../../platform/errors.js';
import type { Trx } from '../database.js';

/**
 * Throws `in_use` when an unfinished job uses the object. The caller holds the object's row FOR UPDATE, and who makes a job holds
 * it FOR KEY SHARE, so no job can start to use it between this look and the end of the transaction.
 */
export async function assertUnused(trx: Trx, column: 'model_id' | 'dataset_id', id: string): Promise<void> {
  const user = await trx
    .selectFrom('jobs')
    .select('id')
    .where((row) => {
      const uses = row(column, '=', id);
      if (column === 'dataset_id') return uses;
      const trains = JSON.stringify([{ student: { model: id } }]);
      const steps = sql`spec -> 'steps'`;
      return row.or([uses, row.fn<boolean>('jsonb_contains', [steps, row.cast(row.val(trains), 'jsonb')])]);
    })
    .where('status', 'not in', TERMINAL_STATUSES)
    .limit(1)
    .executeTakeFirst();
  if (user) {
    throw new ServiceError('in_use', `The unfinished job ${user.id} uses it. Wait for the job, or cancel it first.`);
  }
}
