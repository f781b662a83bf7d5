import { sql } from 'kysely';
import type { Queries } from '../database.js';
import type { Tenant } from '../tenant.js';

/** Bytes of all that a tenant keeps here: models, datasets, and what jobs made. Equal contents count once for each record. */
export async function storedBytes(queries: Queries, tenant: Tenant): Promise<number> {
  const { rows } = await sql<{ bytes: string }>`
    SELECT coalesce(sum(bytes), 0) AS bytes FROM (
      SELECT bytes FROM models WHERE tenant = ${tenant}
      UNION ALL SELECT bytes FROM datasets WHERE tenant = ${tenant}
      UNION ALL SELECT bytes FROM artifacts WHERE tenant = ${tenant}
    ) AS stored`.execute(queries);
  return Number(rows[0]?.bytes ?? 0);
}
