import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TemplateModel } from '../../contracts/template-model.js';
import { TENANT_STORAGE_BYTES } from '../../security/limits.js';
import type { NewModel } from '../../storage/records/models.js';
import { templateModel } from '../../templates/template-model.js';
import { principalOf } from '../plugins/authentication.js';
import type { UploadRouteOptions } from '../routes/upload-schema.js';
import { admitModel } from './model-upload.js';
import { checkStorageQuota } from './storage-quota.js';

/**
 * Makes an untrained network and takes it in like an uploaded one, but for its record.
 * @throws ServiceError storage_quota_exceeded, invalid_request
 */
export async function admitTemplate(
  request: FastifyRequest,
  reply: FastifyReply,
  { services, tenantStorageBytes = TENANT_STORAGE_BYTES }: UploadRouteOptions,
  network: TemplateModel,
): Promise<NewModel> {
  const { database, blobs } = services;
  await checkStorageQuota(database.queries, principalOf(request), tenantStorageBytes);
  const name = `${network.template}-${network.widths.join('-')}.onnx`;
  return admitModel(request, reply, blobs, templateModel(network), name);
}
