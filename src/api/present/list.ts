import type { Page } from '../../storage/records/page.js';

/** A page of records as the list that a client gets. */
export function toList<Row, Item>(page: Page<Row>, present: (row: Row) => Item) {
  return {
    object: 'list' as const,
    data: page.rows.map(present),
    has_more: page.nextCursor !== null,
    next_cursor: page.nextCursor,
  };
}
