import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { OpenAPIV3_1 } from 'openapi-types';
import { parse } from 'yaml';

const document = parse(readFileSync('openapi.yaml', 'utf8')) as OpenAPIV3_1.Document;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(document, 'openapi');

const routes = Object.entries(document.paths ?? {}).map(([path, operations]) => ({
  path,
  pattern: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`),
  operations: operations as Record<string, OpenAPIV3_1.OperationObject>,
}));

export interface Answer {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

const validators = new Map<string, ValidateFunction>();
function validator(pointer: string): ValidateFunction {
  const known = validators.get(pointer) ?? ajv.compile({ $ref: `openapi#${pointer}` });
  validators.set(pointer, known);
  return known;
}
const pointerSegment = (segment: string) => encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1'));

/** Fails unless openapi.yaml describes this answer: its path, method and status, its content type, and its body. */
export function assertContract({ method, url, status, type, body }: Answer): void {
  const label = `${method} ${url} ${status}`;
  if (status >= 400 && type !== 'application/json') {
    assert.equal(type, 'application/problem+json', `${label}: errors are problem+json`);
    const validate = validator('/components/schemas/Problem');
    assert.ok(method === 'HEAD' || validate(body), `${label}: ${ajv.errorsText(validate.errors)}`);
    return;
  }
  const path = url.split('?', 1)[0] ?? '';
  const route = routes.find((each) => each.path === path) ?? routes.find(({ pattern }) => pattern.test(path));
  if (route === undefined) return;
  const operation = route.operations[method === 'HEAD' ? 'get' : method.toLowerCase()];
  const answer = operation?.responses?.[status] as OpenAPIV3_1.ResponseObject | undefined;
  assert.ok(answer, `${label} is not in openapi.yaml`);
  if (answer.content === undefined || method === 'HEAD') return;
  const media = answer.content[type];
  assert.ok(media, `${label}: ${type} is not in openapi.yaml`);
  if (type !== 'application/json') return;
  const pointer = `/paths/${pointerSegment(route.path)}/${method.toLowerCase()}/responses/${status}/content/${pointerSegment(type)}/schema`;
  const validate = validator(pointer);
  assert.ok(validate(body), `${label}: ${ajv.errorsText(validate.errors)}`);
}
