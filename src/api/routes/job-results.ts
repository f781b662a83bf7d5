import { z } from 'zod';
import { JobId } from '../../contracts/ids.js';
import { Artifact } from '../../contracts/job.js';
import { listOf, PageQuery } from '../../contracts/list.js';
import { Report } from '../../contracts/report.js';
import { getJob } from '../../jobs/read-jobs.js';
import { isDone } from '../../jobs/state-machine.js';
import { ServiceError } from '../../platform/errors.js';
import { renderMarkdown } from '../../reports/render-markdown.js';
import { listArtifacts } from '../../storage/records/artifacts.js';
import { negotiate } from '../accept.js';
import type { App } from '../app-type.js';
import { principalOf } from '../plugins/authentication.js';
import { toArtifact } from '../present/artifact.js';
import { toList } from '../present/list.js';
import type { Services } from '../services.js';

const params = z.object({ id: JobId });
const MARKDOWN = 'text/markdown';

/** What a job left: its report and its artifacts. */
export async function jobResultRoutes(app: App, { services }: { readonly services: Services }): Promise<void> {
  const { queries } = services.database;
  app.get(
    '/v1/jobs/:id/report',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'getReport',
        summary: 'The evidence: size, metric and latency with intervals, layer by layer',
        tags: ['Jobs'],
        params,
        response: { 200: Report },
        'x-responses': {
          200: {
            description: 'As JSON or as Markdown, by Accept',
            content: { [MARKDOWN]: { schema: { type: 'string' } } },
          },
        },
      },
    },
    async (request, reply) => {
      const type = negotiate(request.headers.accept, ['application/json', MARKDOWN]);
      const job = await getJob(queries, principalOf(request).tenant, request.params.id);
      if (!isDone(job.status))
        throw new ServiceError('job_not_finished', `The job is ${job.status}; its report comes at its end.`);
      if (job.report === null)
        throw new ServiceError('no_report', `The job ${job.status} before anything was measured.`);
      reply.header('vary', 'accept');
      if (type === 'application/json') return reply.send(job.report);
      return reply
        .type(`${MARKDOWN}; charset=utf-8`)
        .serializer(String)
        .send(renderMarkdown(job.report, job.created_at) as never);
    },
  );
  app.get(
    '/v1/jobs/:id/artifacts',
    {
      config: { scope: 'read' },
      schema: {
        operationId: 'listArtifacts',
        summary: "A job's files, its result first",
        tags: ['Jobs'],
        params,
        querystring: PageQuery,
        response: { 200: listOf(Artifact) },
      },
    },
    async (request) => {
      const { tenant } = principalOf(request);
      await getJob(queries, tenant, request.params.id);
      return toList(await listArtifacts(queries, tenant, request.params.id, request.query), toArtifact);
    },
  );
}
