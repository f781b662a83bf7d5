import { z } from 'zod';
import { Dataset } from '../../contracts/dataset.js';
import { DatasetId } from '../../contracts/ids.js';
import { listOf, PageQuery } from '../../contracts/list.js';
import { STREAMING_TIMEOUT_MS, TENANT_STORAGE_BYTES } from '../../security/limits.js';
import { deleteDataset, getDataset, insertDataset, listDatasets } from '../../storage/records/datasets.js';
import type { App } from '../app-type.js';
import { sendContent } from '../content/send-content.js';
import { principalOf } from '../plugins/authentication.js';
import { uploadBodies } from '../plugins/upload-bodies.js';
import { toDataset } from '../present/dataset.js';
import { toList } from '../present/list.js';
import { receiveDataset } from '../uploads/dataset-upload.js';
import { checkStorageQuota } from '../uploads/storage-quota.js';
import { CONTENT_ANSWERS, UploadQuery, type UploadRouteOptions, uploadBody } from './upload-schema.js';

const params = z.object({ id: DatasetId });
const tags = ['Datasets'];

/** /v1/datasets */
export async function datasetRoutes(
  app: App,
  { services, tenantStorageBytes = TENANT_STORAGE_BYTES }: UploadRouteOptions,
): Promise<void> {
  const { database, blobs } = services;
  await app.register(async (uploads: App) => {
    await uploads.register(uploadBodies);
    uploads.post(
      '/v1/datasets',
      {
        config: { scope: 'write', streamsBody: true },
        handlerTimeout: STREAMING_TIMEOUT_MS,
        schema: {
          operationId: 'uploadDataset',
          summary: 'Upload a dataset',
          description:
            'An npz or npy file, known by its content, as the body, or a form with a manifest that says how its arrays become model inputs. The same bytes with an equal manifest give the dataset that is already there.',
          tags,
          querystring: UploadQuery,
          'x-request-body': uploadBody(['data'], {
            data: { type: 'string', format: 'binary', description: 'The npz or npy file' },
            manifest: { type: 'string', description: 'A DatasetManifest as JSON, as a field or a file' },
            name: { type: 'string', description: 'What people call the dataset' },
          }),
          response: { 200: Dataset, 201: Dataset },
        },
      },
      async (request, reply) => {
        const principal = principalOf(request);
        const { tenant } = principal;
        await checkStorageQuota(database.queries, principal, tenantStorageBytes);
        const upload = await receiveDataset(request, reply, blobs, request.query.name);
        const { row, deduplicated } = await insertDataset(database.queries, tenant, upload);
        reply.code(deduplicated ? 200 : 201).header('location', `/v1/datasets/${row.id}`);
        return reply.send(toDataset(row, deduplicated));
      },
    );
  });
  app.get(
    '/v1/datasets',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'listDatasets',
        summary: 'List datasets, newest first',
        tags,
        querystring: PageQuery,
        response: { 200: listOf(Dataset) },
      },
    },
    async (request) =>
      toList(await listDatasets(database.queries, principalOf(request).tenant, request.query), (row) => toDataset(row)),
  );
  app.get(
    '/v1/datasets/:id',
    {
      config: { scope: 'read' },
      schema: { operationId: 'getDataset', summary: 'What a dataset holds', tags, params, response: { 200: Dataset } },
    },
    async (request) => toDataset(await getDataset(database.queries, principalOf(request).tenant, request.params.id)),
  );
  app.delete(
    '/v1/datasets/:id',
    {
      config: { scope: 'write' },
      schema: {
        operationId: 'deleteDataset',
        summary: 'Delete a dataset that no unfinished job uses',
        tags,
        params,
        response: { 204: z.undefined().meta({ description: 'The dataset is gone.' }) },
      },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      await database.transaction((trx) => deleteDataset(trx, tenant, request.params.id));
      return reply.code(204).send();
    },
  );
  app.get(
    '/v1/datasets/:id/content',
    {
      config: { scope: 'read' },
      handlerTimeout: STREAMING_TIMEOUT_MS,
      schema: {
        operationId: 'downloadDataset',
        summary: 'The file as it was uploaded',
        tags,
        params,
        'x-responses': CONTENT_ANSWERS,
      },
    },
    async (request, reply) => {
      const row = await getDataset(database.queries, principalOf(request).tenant, request.params.id);
      const extension = `.${row.inspection.format}`;
      const fileName = row.name.endsWith(extension) ? row.name : `${row.name}${extension}`;
      return sendContent(request, reply, blobs, { sha256: row.sha256, bytes: row.bytes, fileName });
    },
  );
}
