import { sql } from 'kysely';
import type { ModelInspection } from '../../contracts/model.js';
import { canonicalHash } from '../../platform/canonical-json.js';
import { newId } from '../../platform/ids.js';
import type { Queries, Trx } from '../database.js';
import { type ExternalFile, json, type ModelRow } from '../schema.js';
import type { Tenant } from '../tenant.js';
import { found } from './not-found.js';
import { type Page, type PageRequest, pageOf } from './page.js';
import { assertUnused } from './use.js';

export interface NewModel {
  readonly name: string;
  /** Of the ONNX file. */
  readonly sha256: string;
  readonly modelBytes: number;
  readonly externalFiles: readonly ExternalFile[];
  readonly inspection: ModelInspection;
}

/** Records an upload whose blobs are stored. The same files again, of one tenant, are the model that is already there. */
export async function insertModel(
  queries: Queries,
  tenant: Tenant,
  model: NewModel,
): Promise<{ row: ModelRow; deduplicated: boolean }> {
  const externalFiles = [...model.externalFiles].sort((a, b) => (a.location < b.location ? -1 : 1));
  const identity = canonicalHash([model.sha256, externalFiles.map(({ location, sha256 }) => [location, sha256])]);
  const id = newId('mdl');
  const row = await queries
    .insertInto('models')
    .values({
      id,
      tenant,
      name: model.name,
      identity,
      sha256: model.sha256,
      model_bytes: model.modelBytes,
      bytes: externalFiles.reduce((sum, file) => sum + file.bytes, model.modelBytes),
      external_files: json(externalFiles),
      inspection: json(model.inspection),
      created_at: new Date(),
    })
    // The inspection may be a newer scan's; and only an update returns the row that is there, whoever else is inserting it.
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'identity']).doUpdateSet({ inspection: sql`excluded.inspection` }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
  return { row, deduplicated: row.id !== id };
}

/** @throws not_found */
export async function getModel(queries: Queries, tenant: Tenant, id: string): Promise<ModelRow> {
  const query = queries.selectFrom('models').selectAll().where('tenant', '=', tenant).where('id', '=', id);
  return found(await query.executeTakeFirst(), 'model', id);
}

/** The model, kept from being deleted until the transaction ends: for the transaction that makes a job of it. @throws not_found */
export async function holdModel(trx: Trx, tenant: Tenant, id: string): Promise<ModelRow> {
  const query = trx.selectFrom('models').selectAll().where('tenant', '=', tenant).where('id', '=', id).forKeyShare();
  return found(await query.executeTakeFirst(), 'model', id);
}

/** Newest first. */
export async function listModels(queries: Queries, tenant: Tenant, page: PageRequest): Promise<Page<ModelRow>> {
  let query = queries.selectFrom('models').selectAll().where('tenant', '=', tenant);
  if (page.after !== undefined) query = query.where('id', '<', page.after);
  return pageOf(
    await query
      .orderBy('id', 'desc')
      .limit(page.limit + 1)
      .execute(),
    page,
  );
}

/** Removes the record; its blobs go when nothing else refers to them. @throws not_found, in_use */
export async function deleteModel(trx: Trx, tenant: Tenant, id: string): Promise<void> {
  const query = trx.selectFrom('models').select('id').where('tenant', '=', tenant).where('id', '=', id).forUpdate();
  found(await query.executeTakeFirst(), 'model', id);
  await assertUnused(trx, 'model_id', id);
  await trx.deleteFrom('models').where('id', '=', id).execute();
}
