import { Dataset } from '../../contracts/dataset.js';
import type { DatasetRow } from '../../storage/schema.js';

/** A dataset's record as a client sees it. */
export function toDataset(row: DatasetRow, deduplicated?: boolean): Dataset {
  const self = `/v1/datasets/${row.id}`;
  return {
    object: 'dataset',
    id: Dataset.shape.id.parse(row.id),
    name: row.name,
    bytes: row.bytes,
    sha256: row.sha256,
    created_at: row.created_at.toISOString(),
    ...(deduplicated === undefined ? {} : { deduplicated }),
    manifest: row.manifest,
    inspection: row.inspection,
    urls: { self, content: `${self}/content` },
  };
}
