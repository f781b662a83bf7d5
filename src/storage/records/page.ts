/** Which rows of a list: at most `limit`, those after the cursor that the page before gave. */
export interface PageRequest {
  readonly limit: number;
  readonly after?: string | undefined;
}
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/**
 * The page of rows that were read newest first, one more than the limit. Ids sort by creation time and never change, so the cursor is
 * the last id: rows that come or go between two pages shift nothing.
 */
export function pageOf<Row extends { readonly id: string }>(rows: readonly Row[], { limit }: PageRequest): Page<Row> {
  const shown = rows.slice(0, limit);
  return { rows: shown, nextCursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
}
