import type { FastifySchema } from 'fastify';
import type { OpenAPIV3_1 } from 'openapi-types';
import { z } from 'zod';
import { MAX_FORM_BYTES, MAX_UPLOAD_BYTES } from '../../security/limits.js';
import type { Services } from '../services.js';
import { MAX_NAME_CHARACTERS } from '../uploads/model-upload.js';

const BINARY = { type: 'string', format: 'binary' } as const;

export interface UploadRouteOptions {
  readonly services: Services;
  /** Bytes that a tenant may keep. */
  readonly tenantStorageBytes?: number;
}

export const UploadQuery = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(MAX_NAME_CHARACTERS)
    .optional()
    .meta({ description: 'What people call it; default: the name of the file.' }),
});

type Properties = NonNullable<OpenAPIV3_1.SchemaObject['properties']>;

/** How the document describes an upload: raw bytes of any content type, or a form. */
export const uploadBody = (
  required: readonly string[],
  properties: Properties,
): NonNullable<FastifySchema['x-request-body']> => ({
  required: true,
  description: `The file itself, at most ${MAX_UPLOAD_BYTES} bytes, or a form, at most ${MAX_FORM_BYTES} with its external data.`,
  content: {
    'application/octet-stream': { schema: BINARY },
    'multipart/form-data': {
      schema: { type: 'object', required: [...required], properties, additionalProperties: false },
    },
  },
});

const HEADERS = {
  ETag: { schema: { type: 'string' }, description: 'Strong: "sha256:…"' },
  'Repr-Digest': { schema: { type: 'string' }, description: 'RFC 9530, of the whole content' },
} as const;
const BYTES = { 'application/octet-stream': { schema: BINARY } };

/** How the document describes a download. */
export const CONTENT_ANSWERS: NonNullable<FastifySchema['x-responses']> = {
  200: { description: 'The content', headers: HEADERS, content: BYTES },
  206: { description: 'The range of the content that was asked for', headers: HEADERS, content: BYTES },
  304: { description: 'The content that If-None-Match names' },
};
