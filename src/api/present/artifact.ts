import { Artifact } from '../../contracts/job.js';
import type { ArtifactRow } from '../../storage/schema.js';

/** An artifact's record as a client sees it. */
export function toArtifact(row: ArtifactRow): Artifact {
  return {
    object: 'artifact',
    id: Artifact.shape.id.parse(row.id),
    job: Artifact.shape.job.parse(row.job_id),
    name: row.name,
    role: row.role,
    bytes: row.bytes,
    sha256: row.sha256,
    created_at: row.created_at.toISOString(),
    urls: { content: `/v1/artifacts/${row.id}/content` },
  };
}
