import { ServiceError } from '../../platform/errors.js';

/** The row, or `not_found`: also for another tenant's object, whose existence nobody learns. */
export function found<Row>(row: Row | undefined, kind: string, id: string): Row {
  if (row === undefined) throw new ServiceError('not_found', `There is no ${kind} ${id}.`);
  return row;
}
