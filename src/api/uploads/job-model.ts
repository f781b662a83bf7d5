import type { FastifyReply, FastifyRequest } from 'fastify';
import { ModelId } from '../../contracts/ids.js';
import type { JobRequest } from '../../contracts/job-request.js';
import type { JobSpec } from '../../contracts/job-spec.js';
import type { Queries } from '../../storage/database.js';
import { insertModel } from '../../storage/records/models.js';
import { fromScratch } from '../plan/from-scratch.js';
import { principalOf } from '../plugins/authentication.js';
import type { UploadRouteOptions } from '../routes/upload-schema.js';
import { admitTemplate } from './template-upload.js';

/**
 * The job as it is stored, with a model: its own, or an untrained network that is taken in now and recorded when the job is.
 * @throws ServiceError not_found, dataset_mismatch, storage_quota_exceeded, invalid_request
 */
export async function jobWithModel(
  request: FastifyRequest,
  reply: FastifyReply,
  options: UploadRouteOptions,
  job: JobRequest,
): Promise<(queries: Queries) => Promise<JobSpec>> {
  const { model } = job;
  if (model !== undefined) return async () => ({ ...job, model });
  const { tenant } = principalOf(request);
  const scratch = await fromScratch(options.services.database.queries, tenant, job);
  const made = await admitTemplate(request, reply, options, scratch.network);
  return async (queries) => scratch.spec(ModelId.parse((await insertModel(queries, tenant, made)).row.id));
}
