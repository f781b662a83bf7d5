import { z } from 'zod';
import { ArtifactId } from '../../contracts/ids.js';
import { Artifact } from '../../contracts/job.js';
import { STREAMING_TIMEOUT_MS } from '../../security/limits.js';
import { getArtifact } from '../../storage/records/artifacts.js';
import type { App } from '../app-type.js';
import { sendContent } from '../content/send-content.js';
import { principalOf } from '../plugins/authentication.js';
import { toArtifact } from '../present/artifact.js';
import type { Services } from '../services.js';
import { CONTENT_ANSWERS } from './upload-schema.js';

/** /v1/artifacts: what jobs made. */
export async function artifactRoutes(app: App, { services }: { readonly services: Services }): Promise<void> {
  const params = z.object({ id: ArtifactId });
  app.get(
    '/v1/artifacts/:id',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'getArtifact',
        summary: 'What a file is, and which job made it',
        tags: ['Artifacts'],
        params,
        response: { 200: Artifact },
      },
    },
    async (request) =>
      toArtifact(await getArtifact(services.database.queries, principalOf(request).tenant, request.params.id)),
  );

  app.get(
    '/v1/artifacts/:id/content',
    {
      config: { scope: 'read' },
      handlerTimeout: STREAMING_TIMEOUT_MS,
      schema: {
        operationId: 'downloadArtifact',
        summary: 'A file that a job produced',
        tags: ['Artifacts'],
        params,
        'x-responses': CONTENT_ANSWERS,
      },
    },
    async (request, reply) => {
      const row = await getArtifact(services.database.queries, principalOf(request).tenant, request.params.id);
      return sendContent(request, reply, services.blobs, { sha256: row.sha256, bytes: row.bytes, fileName: row.name });
    },
  );
}
