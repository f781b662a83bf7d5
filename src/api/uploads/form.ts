import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../platform/errors.js';
import { isStorable } from '../../platform/storable-text.js';
import { MAX_EXTERNAL_FILES, MAX_JSON_BYTES } from '../../security/limits.js';

/** Text fields of one form. */
const MAX_FIELDS = 16;
const MAX_NAME_BYTES = 100;

export interface FormHandlers {
  /** A file part; its stream must be read to the end before the next part comes. */
  file(field: string, part: MultipartFile): Promise<void>;
  /** A text field, or a JSON field that has been parsed. */
  field(field: string, value: unknown): void;
}

/**
 * Hands on the parts of a multipart/form-data body in the order in which they come.
 * @throws ServiceError payload_too_large for too many parts or too long fields, and what the handlers throw.
 */
export async function readForm(request: FastifyRequest, handlers: FormHandlers): Promise<void> {
  const parts = request.parts({
    // A location like weights/w0.bin is a key to compare, never a path: it must come whole.
    preservePath: true,
    limits: {
      fieldNameSize: MAX_NAME_BYTES,
      fieldSize: MAX_JSON_BYTES,
      fields: MAX_FIELDS,
      files: MAX_EXTERNAL_FILES + 1,
      fileSize: Number.POSITIVE_INFINITY,
    },
  });
  try {
    for (;;) {
      const { done, value: part } = await parts.next().catch(malformed);
      if (done) return;
      const text = part.type === 'file' ? part.filename : part.value;
      if (typeof text === 'string' && !isStorable(text)) throw unstorable(part.fieldname);
      if (part.type === 'file') await handlers.file(part.fieldname, part);
      else if (part.valueTruncated) throw tooLong(part.fieldname);
      else handlers.field(part.fieldname, part.value);
    }
  } finally {
    // A body that is not read to its end goes no further into the parser.
    request.raw.unpipe();
  }
}

/** The parser's own complaints (a missing boundary, a torn part) have no code; those of its plugin are in our catalogue of translations. */
function malformed(cause: unknown): never {
  if (cause instanceof Error && !('code' in cause)) {
    throw new ServiceError('malformed_request', 'The form is not well-formed, or has no boundary.', { cause });
  }
  throw cause;
}

const tooLong = (field: string): ServiceError =>
  new ServiceError('payload_too_large', `The field ${field} is longer than ${MAX_JSON_BYTES} bytes.`);

/** Something wrong with one part of the form. */
export function partError(part: string, code: string, message: string): ServiceError {
  return new ServiceError(
    'invalid_request',
    `The part ${JSON.stringify(part)} of the form is not acceptable: ${message}`,
    {
      errors: [{ pointer: `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`, code, message }],
    },
  );
}

const unstorable = (part: string): ServiceError =>
  partError(part, 'unstorable_text', 'Its text or file name holds NUL or half of a surrogate pair.');

/** A part that the endpoint does not know. */
export const unknownPart = (part: string, known: readonly string[]): ServiceError =>
  partError(part, 'unrecognized_keys', `There is no such part; there are ${known.join(', ')}.`);

/** A part that must be there. */
export const missingPart = (part: string): ServiceError => partError(part, 'required', 'Send the file as this part.');

/** A part that may come once. */
export const repeatedPart = (part: string): ServiceError => partError(part, 'repeated', 'Send it once.');
