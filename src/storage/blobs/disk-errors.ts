import { ServiceError } from '../../platform/errors.js';

const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Turns a full disk into `no_space`; any other error stays what it is. */
export function mapDiskError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !FULL.has(String(error.code))) return error;
  return new ServiceError('no_space', 'The disk is full. Free some space, or delete models, datasets and jobs.', {
    cause: error,
  });
}
