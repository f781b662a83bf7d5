import multipart from '@fastify/multipart';
import plugin from 'fastify-plugin';
import { ServiceError } from '../../platform/errors.js';
import type { App } from '../app-type.js';

/**
 * How the upload routes get their bodies: multipart as parts, JSON refused, and everything else, whatever it calls itself, as raw
 * bytes. Nothing is read before the handler reads it.
 */
export const uploadBodies = plugin(
  async (app: App) => {
    app.removeAllContentTypeParsers();
    await app.register(multipart);
    app.addContentTypeParser('application/json', async () => {
      throw new ServiceError(
        'unsupported_media_type',
        'Send the file itself (application/octet-stream) or multipart/form-data.',
      );
    });
    app.addContentTypeParser('*', async () => undefined);
  },
  { name: 'upload-bodies' },
);
