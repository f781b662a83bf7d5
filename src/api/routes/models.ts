import { z } from 'zod';
import { ModelId } from '../../contracts/ids.js';
import { listOf, PageQuery } from '../../contracts/list.js';
import { Model } from '../../contracts/model.js';
import { STREAMING_TIMEOUT_MS, TENANT_STORAGE_BYTES } from '../../security/limits.js';
import { deleteModel, getModel, insertModel, listModels } from '../../storage/records/models.js';
import type { App } from '../app-type.js';
import { sendContent } from '../content/send-content.js';
import { principalOf } from '../plugins/authentication.js';
import { uploadBodies } from '../plugins/upload-bodies.js';
import { toList } from '../present/list.js';
import { toModel } from '../present/model.js';
import { receiveModel } from '../uploads/model-upload.js';
import { checkStorageQuota } from '../uploads/storage-quota.js';
import { CONTENT_ANSWERS, UploadQuery, type UploadRouteOptions, uploadBody } from './upload-schema.js';

const params = z.object({ id: ModelId });
const tags = ['Models'];

/** /v1/models */
export async function modelRoutes(
  app: App,
  { services, tenantStorageBytes = TENANT_STORAGE_BYTES }: UploadRouteOptions,
): Promise<void> {
  const { database, blobs } = services;
  await app.register(async (uploads: App) => {
    await uploads.register(uploadBodies);
    uploads.post(
      '/v1/models',
      {
        config: { scope: 'write', streamsBody: true },
        handlerTimeout: STREAMING_TIMEOUT_MS,
        schema: {
          operationId: 'uploadModel',
          summary: 'Upload an ONNX model',
          description:
            'The ONNX file as the body, or a form when the weights are in external files. It is scanned before the answer. The same bytes again give the model that is already there, under the name that it has.',
          tags,
          querystring: UploadQuery,
          'x-request-body': uploadBody(['model'], {
            model: { type: 'string', format: 'binary', description: 'The ONNX file' },
            'external_data[]': {
              type: 'array',
              items: { type: 'string', format: 'binary' },
              description: 'Files of weights; the file name is the location that the model states.',
            },
            name: { type: 'string', description: 'What people call the model' },
          }),
          response: { 200: Model, 201: Model },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { tenant } = principal;
        await checkStorageQuota(database.queries, principal, tenantStorageBytes);
        const upload = await receiveModel(request, reply, blobs, request.query.name);
        const { row, deduplicated } = await insertModel(database.queries, tenant, upload);
        reply.code(deduplicated ? 200 : 201).header('location', `/v1/models/${row.id}`);
        return reply.send(toModel(row, deduplicated));
      },
    );
  });
  app.get(
    '/v1/models',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'listModels',
        summary: 'List models, newest first',
        tags,
        querystring: PageQuery,
        response: { 200: listOf(Model) },
      },
    },
    async (request) =>
      toList(await listModels(database.queries, principalOf(request).tenant, request.query), (row) => toModel(row)),
  );
  app.get(
    '/v1/models/:id',
    {
      config: { scope: 'read' },
      schema: { operationId: 'getModel', summary: 'What a model is', tags, params, response: { 200: Model } },
    },
    async (request) => toModel(await getModel(database.queries, principalOf(request).tenant, request.params.id)),
  );
  app.delete(
    '/v1/models/:id',
    {
      config: { scope: 'write' },
      schema: {
        operationId: 'deleteModel',
        summary: 'Delete a model that no unfinished job uses',
        tags,
        params,
        response: { 204: z.undefined().meta({ description: 'The model is gone.' }) },
      },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      await database.transaction((trx) => deleteModel(trx, tenant, request.params.id));
      return reply.code(204).send();
    },
  );
  app.get(
    '/v1/models/:id/content',
    {
      config: { scope: 'read' },
      handlerTimeout: STREAMING_TIMEOUT_MS,
      schema: { operationId: 'downloadModel', summary: 'The ONNX file', tags, params, 'x-responses': CONTENT_ANSWERS },
    },
    async (request, reply) => {
      const row = await getModel(database.queries, principalOf(request).tenant, request.params.id);
      const fileName = row.name.endsWith('.onnx') ? row.name : `${row.name}.onnx`;
      return sendContent(request, reply, blobs, { sha256: row.sha256, bytes: row.model_bytes, fileName });
    },
  );
}
