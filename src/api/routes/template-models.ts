import { Model } from '../../contracts/model.js';
import { TemplateModel } from '../../contracts/template-model.js';
import { insertModel } from '../../storage/records/models.js';
import type { App } from '../app-type.js';
import { principalOf } from '../plugins/authentication.js';
import { toModel } from '../present/model.js';
import { admitTemplate } from '../uploads/template-upload.js';
import type { UploadRouteOptions } from './upload-schema.js';

/** /v1/models/templates */
export async function templateModelRoutes(app: App, options: UploadRouteOptions): Promise<void> {
  const { database } = options.services;
  app.post(
    '/v1/models/templates',
    {
      config: { scope: 'write' },
      schema: {
        operationId: 'createTemplateModel',
        summary: 'Make an untrained model',
        description:
          'A network to train on labels where there is no teacher: name it in a job both as the model and as the student of a distill step with the loss "labels". Equal bodies give the model that is already there.',
        tags: ['Models'],
        body: TemplateModel,
        response: { 200: Model, 201: Model },
      },
    },
    async (request, reply) => {
      const model = await admitTemplate(request, reply, options, request.body);
      const { row, deduplicated } = await insertModel(database.queries, principalOf(request).tenant, model);
      reply.code(deduplicated ? 200 : 201).header('location', `/v1/models/${row.id}`);
      return reply.send(toModel(row, deduplicated));
    },
  );
}
