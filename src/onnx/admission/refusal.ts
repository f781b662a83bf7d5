import { type ErrorContext, ServiceError } from '../../platform/errors.js';

const MAX_QUOTED = 120;

/** A name out of a hostile file, fit for a sentence: quoted, without control characters, cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
}

/** A count or size beyond its limit. */
export function limitExceeded(where: string, what: string, value: number | bigint, limit: number): ServiceError {
  return new ServiceError('model_limit_exceeded', `${where} has ${what} ${value}; the limit is ${limit}.`, {
    hint: 'Real models are far below this limit: check how the file was made.',
  });
}

/** A contradiction inside the model. */
export function invalid(detail: string, context: ErrorContext = {}): ServiceError {
  return new ServiceError('invalid_model', detail, {
    hint: 'Export the model again and run onnx.checker.check_model on it.',
    ...context,
  });
}
