import { sql } from 'kysely';
import type { Queries } from '../database.js';

/** The sha256 of every blob that a record of any tenant still needs. */
export async function referencedBlobs(queries: Queries): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ sha256: string }>`
    SELECT sha256 FROM models
    UNION SELECT jsonb_array_elements(external_files) ->> 'sha256' FROM models
    UNION SELECT sha256 FROM datasets
    UNION SELECT sha256 FROM artifacts`.execute(queries);
  return new Set(rows.map((row) => row.sha256));
}
