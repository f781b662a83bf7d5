import { Model } from '../../contracts/model.js';
import type { ModelRow } from '../../storage/schema.js';

/** A model's record as a client sees it. */
export function toModel(row: ModelRow, deduplicated?: boolean): Model {
  const self = `/v1/models/${row.id}`;
  return {
    object: 'model',
    id: Model.shape.id.parse(row.id),
    name: row.name,
    bytes: row.bytes,
    sha256: row.sha256,
    created_at: row.created_at.toISOString(),
    ...(deduplicated === undefined ? {} : { deduplicated }),
    inspection: row.inspection,
    urls: { self, content: `${self}/content` },
  };
}
