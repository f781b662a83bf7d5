import { sql } from 'kysely';
import type { DatasetInspection, DatasetManifest } from '../../contracts/dataset.js';
import { canonicalHash } from '../../platform/canonical-json.js';
import { newId } from '../../platform/ids.js';
import type { Queries, Trx } from '../database.js';
import { type DatasetRow, json } from '../schema.js';
import type { Tenant } from '../tenant.js';
import { found } from './not-found.js';
import { type Page, type PageRequest, pageOf } from './page.js';
import { assertUnused } from './use.js';

export interface NewDataset {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly manifest: DatasetManifest;
  readonly inspection: DatasetInspection;
}

/** Records an upload whose blob is stored. The same bytes with an equal manifest, of one tenant, are the dataset that is already there. */
export async function insertDataset(
  queries: Queries,
  tenant: Tenant,
  dataset: NewDataset,
): Promise<{ row: DatasetRow; deduplicated: boolean }> {
  const id = newId('dst');
  const row = await queries
    .insertInto('datasets')
    .values({
      id,
      tenant,
      name: dataset.name,
      identity: canonicalHash([dataset.sha256, dataset.manifest]),
      sha256: dataset.sha256,
      bytes: dataset.bytes,
      manifest: json(dataset.manifest),
      inspection: json(dataset.inspection),
      created_at: new Date(),
    })
    // As with models: only an update returns the row that is there.
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'identity']).doUpdateSet({ inspection: sql`excluded.inspection` }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
  return { row, deduplicated: row.id !== id };
}

/** @throws not_found */
export async function getDataset(queries: Queries, tenant: Tenant, id: string): Promise<DatasetRow> {
  const query = queries.selectFrom('datasets').selectAll().where('tenant', '=', tenant).where('id', '=', id);
  return found(await query.executeTakeFirst(), 'dataset', id);
}

/** The dataset, kept from being deleted until the transaction ends: for the transaction that makes a job of it. @throws not_found */
export async function holdDataset(trx: Trx, tenant: Tenant, id: string): Promise<DatasetRow> {
  const query = trx.selectFrom('datasets').selectAll().where('tenant', '=', tenant).where('id', '=', id).forKeyShare();
  return found(await query.executeTakeFirst(), 'dataset', id);
}

/** Newest first. */
export async function listDatasets(queries: Queries, tenant: Tenant, page: PageRequest): Promise<Page<DatasetRow>> {
  let query = queries.selectFrom('datasets').selectAll().where('tenant', '=', tenant);
  if (page.after !== undefined) query = query.where('id', '<', page.after);
  return pageOf(
    await query
      .orderBy('id', 'desc')
      .limit(page.limit + 1)
      .execute(),
    page,
  );
}

/** Removes the record; its blob goes when nothing else refers to it. @throws not_found, in_use */
export async function deleteDataset(trx: Trx, tenant: Tenant, id: string): Promise<void> {
  const query = trx.selectFrom('datasets').select('id').where('tenant', '=', tenant).where('id', '=', id).forUpdate();
  found(await query.executeTakeFirst(), 'dataset', id);
  await assertUnused(trx, 'dataset_id', id);
  await trx.deleteFrom('datasets').where('id', '=', id).execute();
}
