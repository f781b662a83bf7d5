import { type ListedJob, queuePosition } from '../../jobs/read-jobs.js';
import type { Queries } from '../../storage/database.js';
import { artifactsOfJob } from '../../storage/records/artifacts.js';
import { type JobSurroundings, toJob } from './job.js';

async function surroundings(queries: Queries, row: ListedJob): Promise<JobSurroundings> {
  if (row.status === 'queued') return { result: null, queuePosition: await queuePosition(queries, row) };
  if (row.status !== 'succeeded') return { result: null, queuePosition: null };
  const artifacts = await artifactsOfJob(queries, row.tenant, row.id);
  return { result: artifacts.find(({ role }) => role === 'model') ?? null, queuePosition: null };
}

/** A job as a client sees it, with what its record does not hold itself. */
export async function readJob(queries: Queries, row: ListedJob) {
  return toJob(row, await surroundings(queries, row));
}
