import type { Problem } from '../contracts/problem.js';
import { type ErrorCode, ServiceError } from '../platform/errors.js';

const BROKEN_OFF = ['malformed_request', 'The connection was closed before the request was complete.'] as const;

/** What Fastify, its plugins and Node say, in our words: their code, then ours and a sentence. */
const TRANSLATED: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send application/json here.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is larger than this resource accepts.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_json', 'The body is empty.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_json', 'The body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_request', 'The body is not as long as Content-Length says.'],
  FST_ERR_HANDLER_TIMEOUT: ['unavailable', 'The answer took too long. Try again in a moment.'],
  FST_ERR_BAD_URL: ['malformed_request', 'The path is not a valid URL path.'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'There is no object with this id.'],
  FST_PARTS_LIMIT: ['payload_too_large', 'The form has too many parts.'],
  FST_FILES_LIMIT: ['payload_too_large', 'The form has too many files.'],
  FST_FIELDS_LIMIT: ['payload_too_large', 'The form has too many fields.'],
  FST_REQ_FILE_TOO_LARGE: ['payload_too_large', 'A file of the form is too large.'],
  FST_INVALID_MULTIPART_CONTENT_TYPE: [
    'unsupported_media_type',
    'The content type says multipart/form-data without a usable boundary.',
  ],
  FST_INVALID_JSON_FIELD_ERROR: ['malformed_json', 'A field of the form says that it is JSON and is not.'],
  FST_PROTO_VIOLATION: ['malformed_request', 'A field of the form has a forbidden name.'],
  FST_MP_PREMATURE_CLOSE: ['malformed_request', 'The form ends before its last part.'],
  ECONNRESET: BROKEN_OFF,
  ENOSPC: ['no_space', 'There is no space left for this. Nothing was stored.'],
  EDQUOT: ['no_space', 'There is no space left for this. Nothing was stored.'],
};

interface Failure {
  readonly code?: unknown;
  readonly statusCode?: unknown;
}

/** Any thrown thing as an error of the catalogue; what nobody foresaw is internal_error, with the original as its cause. */
export function asServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as Failure;
  const translated = typeof code === 'string' ? TRANSLATED[code] : undefined;
  if (translated !== undefined) return new ServiceError(translated[0], translated[1], { cause: error });
  if (error instanceof SyntaxError && statusCode === 400) {
    return new ServiceError('malformed_json', 'The body is not valid JSON.', { cause: error });
  }
  // A signal that was aborted without a reason: the client went away.
  if (error instanceof DOMException && error.name === 'AbortError') {
    return new ServiceError(BROKEN_OFF[0], BROKEN_OFF[1], { cause: error });
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ServiceError('malformed_request', 'The request could not be read.', { cause: error });
  }
  return new ServiceError('internal_error', 'The request failed for a reason inside Modelpress. It has been logged.', {
    cause: error,
  });
}

/** The body of an error answer (RFC 9457). */
export function problemOf(error: ServiceError, requestId: string, instance: string): Problem {
  return {
    type: `urn:modelpress:error:${error.code}`,
    title: error.entry.title,
    status: error.entry.status,
    detail: error.detail,
    instance,
    code: error.code,
    request_id: requestId,
    retryable: error.entry.retryable,
    errors: error.context.errors?.map((field) => ({ ...field })) ?? [],
  };
}
