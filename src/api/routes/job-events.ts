import { Readable } from 'node:stream';
import { z } from 'zod';
import { JobId } from '../../contracts/ids.js';
import { JobEvent } from '../../contracts/job.js';
import { listOf, PageQuery } from '../../contracts/list.js';
import { followEvents, listEvents } from '../../jobs/events.js';
import { getJob } from '../../jobs/read-jobs.js';
import { ServiceError } from '../../platform/errors.js';
import { firstSignal } from '../../platform/first-signal.js';
import type { Authenticator } from '../../security/authenticator.js';
import { SSE_PING_MS, STREAMING_TIMEOUT_MS } from '../../security/limits.js';
import type { JobEventRow } from '../../storage/schema.js';
import { negotiate } from '../accept.js';
import type { App } from '../app-type.js';
import { clientGone } from '../client-gone.js';
import { eventStream } from '../events/event-stream.js';
import { keyRemoved } from '../events/key-removed.js';
import { StreamCounter } from '../events/stream-counter.js';
import { principalOf } from '../plugins/authentication.js';
import { toEvent } from '../present/job.js';
import type { Services } from '../services.js';

const STREAM = 'text/event-stream';
/** An event's id, as Last-Event-ID and cursor; 0 is before the first. The records count in 32 bits. */
const EventNumber = z.coerce
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const EventQuery = PageQuery.extend({ after: EventNumber.default(0) });

interface Options {
  readonly services: Services;
  readonly authenticator: Authenticator;
  readonly pingMs?: number;
}

async function* presented(rows: AsyncGenerator<JobEventRow, void>): AsyncGenerator<JobEvent> {
  for await (const row of rows) yield toEvent(row);
}

/** /v1/jobs/{id}/events: what happened, as a page or as it happens. */
export async function jobEventRoutes(
  app: App,
  { services, authenticator, pingMs = SSE_PING_MS }: Options,
): Promise<void> {
  const { queries } = services.database;
  const streams = new StreamCounter();
  app.get(
    '/v1/jobs/:id/events',
    {
      config: { scope: 'read' },
      handlerTimeout: STREAMING_TIMEOUT_MS,
      schema: {
        operationId: 'listEvents',
        summary: "A job's events, oldest first",
        description:
          'As a page of JSON, or by Accept as a stream of server-sent events that Last-Event-ID resumes exactly and that ends with the terminal event.',
        tags: ['Jobs'],
        params: z.object({ id: JobId }),
        querystring: EventQuery,
        headers: z.object({ 'last-event-id': EventNumber.optional() }),
        response: { 200: listOf(JobEvent) },
        'x-responses': { 200: { description: 'The events', content: { [STREAM]: { schema: { type: 'string' } } } } },
      },
    },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      const { id } = request.params;
      const { limit, after } = request.query;
      reply.header('vary', 'accept');
      if (negotiate(request.headers.accept, ['application/json', STREAM]) === 'application/json') {
        const { events, hasMore } = await listEvents(queries, tenant, id, after, limit);
        const last = events.at(-1);
        return {
          object: 'list' as const,
          data: events.map(toEvent),
          has_more: hasMore,
          next_cursor: hasMore && last !== undefined ? String(last.id) : null,
        };
      }
      // Before the stream begins: a job that is not there is a 404, not a stream that breaks.
      await getJob(queries, tenant, id);
      const gone = clientGone(reply);
      // Whoever left before the stream began would never give a place back.
      gone.throwIfAborted();
      if (!streams.open(tenant)) throw new ServiceError('rate_limited', 'Too many event streams are open. Close some.');
      gone.addEventListener('abort', () => streams.close(tenant), { once: true });
      const signal = firstSignal([gone, app.draining, keyRemoved(authenticator, request.headers, pingMs, gone)]);
      const events = presented(followEvents(services, tenant, id, request.headers['last-event-id'] ?? after, signal));
      reply.headers({
        'content-type': `${STREAM}; charset=utf-8`,
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        // The headers leave before anybody knows how long it lasts; a shutdown must not wait for the idle connection.
        connection: 'close',
      });
      return reply.send(Readable.from(eventStream(events, pingMs)) as never);
    },
  );
}
