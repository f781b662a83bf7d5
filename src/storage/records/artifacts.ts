import type { Insertable } from 'kysely';
import { ARTIFACT_ROLES } from '../../contracts/job.js';
import { newId } from '../../platform/ids.js';
import type { Queries } from '../database.js';
import type { ArtifactRow, ArtifactsTable } from '../schema.js';
import type { Tenant } from '../tenant.js';
import { found } from './not-found.js';
import type { Page, PageRequest } from './page.js';

export type NewArtifact = Omit<Insertable<ArtifactsTable>, 'id' | 'tenant' | 'created_at'>;

/** Records files that a job made and whose blobs are stored; in the transaction that finishes the step. Rows in the order given. */
export async function insertArtifacts(
  queries: Queries,
  tenant: Tenant,
  artifacts: readonly NewArtifact[],
): Promise<ArtifactRow[]> {
  if (artifacts.length === 0) return [];
  const created_at = new Date();
  const rows = artifacts.map((artifact) => ({ ...artifact, id: newId('art'), tenant, created_at }));
  return queries.insertInto('artifacts').values(rows).returningAll().execute();
}

/** @throws not_found */
export async function getArtifact(queries: Queries, tenant: Tenant, id: string): Promise<ArtifactRow> {
  const query = queries.selectFrom('artifacts').selectAll().where('tenant', '=', tenant).where('id', '=', id);
  return found(await query.executeTakeFirst(), 'artifact', id);
}

/** All artifacts of a job, the result first, then by role, step and name. Empty for another tenant's job. */
export async function artifactsOfJob(queries: Queries, tenant: Tenant, job: string): Promise<ArtifactRow[]> {
  const rows = await queries
    .selectFrom('artifacts')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('job_id', '=', job)
    .execute();
  return rows.sort(inOrder);
}

/** A page of `artifactsOfJob`. A job has few artifacts, and their order is not that of their ids. */
export async function listArtifacts(
  queries: Queries,
  tenant: Tenant,
  job: string,
  { limit, after }: PageRequest,
): Promise<Page<ArtifactRow>> {
  const all = await artifactsOfJob(queries, tenant, job);
  const start = after === undefined ? 0 : all.findIndex((row) => row.id === after) + 1;
  const rows = all.slice(start, start + limit);
  return { rows, nextCursor: start + limit < all.length ? (rows.at(-1)?.id ?? null) : null };
}

const roleOrder = (row: ArtifactRow): number => ARTIFACT_ROLES.indexOf(row.role);
const inOrder = (a: ArtifactRow, b: ArtifactRow): number =>
  roleOrder(a) - roleOrder(b) || a.step - b.step || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
