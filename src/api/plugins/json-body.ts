import plugin from 'fastify-plugin';
import type { App } from '../app-type.js';

/** JSON is the only body outside uploads. A call that needs none may come with the content type and nothing in it. */
export const jsonBody = plugin(
  async (app: App) => {
    const parse = app.getDefaultJsonParser('error', 'error');
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
      if (body.length === 0) done(null, undefined);
      else parse(request, body as string, done);
    });
  },
  { name: 'json-body' },
);
