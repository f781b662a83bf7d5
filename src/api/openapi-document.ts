import type { OpenAPIV3_1 } from 'openapi-types';
import { PACKAGE } from '../platform/package.js';

const { version, description } = PACKAGE;

type Responses = Record<string, OpenAPIV3_1.ResponseObject>;

declare module 'fastify' {
  interface FastifySchema {
    /** The body of a route that reads it itself, which no zod schema describes. */
    'x-request-body'?: OpenAPIV3_1.RequestBodyObject;
    /** Answers, or parts of answers, that are not JSON: merged over what the zod schemas say. */
    'x-responses'?: Readonly<Responses>;
  }
}

/** What the document says about the service as a whole. */
export const OPENAPI_INFO: Partial<OpenAPIV3_1.Document> = {
  openapi: '3.1.0',
  info: { title: 'Modelpress', version, description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
  servers: [{ url: '/' }],
  tags: [
    { name: 'Models', description: 'Uploaded ONNX models, immutable.' },
    { name: 'Datasets', description: 'Named arrays of samples, immutable.' },
    { name: 'Jobs', description: 'One request each: a model, maybe a dataset, ordered steps, requirements.' },
    { name: 'Artifacts', description: 'Files that a job produced.' },
    { name: 'Keys', description: 'Who may call, and for which tenant.' },
    { name: 'Service', description: 'What the service can do and how it is.' },
  ],
  components: {
    securitySchemes: {
      bearer: {
        type: 'http',
        scheme: 'bearer',
        description: 'An API key, mp_…; a service without keys needs none and answers only its own machine.',
      },
    },
  },
};

/** Every operation may answer with a problem. */
const PROBLEM: OpenAPIV3_1.ResponseObject = {
  description: 'What went wrong (RFC 9457)',
  headers: {
    'X-Request-Id': { schema: { type: 'string' } },
    'Retry-After': {
      schema: { type: 'integer' },
      description: 'Seconds; with 429 and 503, and wherever a retry helps.',
    },
  },
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
const PROBLEMS = {
  '4XX': { $ref: '#/components/responses/Problem' },
  '5XX': { $ref: '#/components/responses/Problem' },
} as const;

type Operation = OpenAPIV3_1.OperationObject & {
  'x-request-body'?: OpenAPIV3_1.RequestBodyObject;
  'x-responses'?: Responses;
};
interface Parts {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, unknown>; responses?: Record<string, unknown> };
}

/** Finishes a document made from the routes: bodies and answers that are no JSON, the problem that any call may give, no leftovers. */
export function describeDocument<Document extends object>(document: Document): Document {
  const { paths = {}, components = {} } = document as Document & Parts;
  for (const operations of Object.values(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      describeHeaders(method, operation);
      complete(operation);
    }
  }
  components.responses = { Problem: PROBLEM };
  const { schemas = {} } = components;
  const used = reachable({ paths, responses: components.responses }, schemas);
  components.schemas = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  return document;
}

const header = (name: string, description: string): OpenAPIV3_1.ParameterObject => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});
const IDEMPOTENCY_KEY = header(
  'Idempotency-Key',
  '1 to 255 printable characters: the same request has one effect for 24 hours, however often it is sent.',
);
const DOWNLOAD_HEADERS = [
  header('Range', 'bytes=first-last: a part of the content (RFC 9110).'),
  header('If-Range', 'An ETag: the range counts only while the content has it.'),
  header('If-None-Match', 'An ETag: 304 when the content has it.'),
];

/** Headers that no schema validates, because what they mean is looked at where they are used. */
function describeHeaders(method: string, operation: Operation): void {
  const { parameters = [] } = operation;
  if (method === 'post' && operation['x-request-body'] === undefined) parameters.push(IDEMPOTENCY_KEY);
  if (method === 'get' && operation['x-responses']?.[206] !== undefined) parameters.push(...DOWNLOAD_HEADERS);
  if (parameters.length > 0) operation.parameters = parameters;
}

function complete(operation: Operation): void {
  const { 'x-request-body': requestBody, 'x-responses': answers = {}, responses = {} } = operation;
  delete operation['x-request-body'];
  delete operation['x-responses'];
  if (requestBody !== undefined) operation.requestBody = requestBody;
  const merged = responses as Responses;
  for (const [status, answer] of Object.entries(answers)) {
    const content = { ...merged[status]?.content, ...answer.content };
    merged[status] = { ...answer, ...(Object.keys(content).length === 0 ? {} : { content }) };
  }
  for (const answer of Object.values(merged)) {
    if (answer.description === NO_DESCRIPTION) answer.description = operation.summary ?? '';
  }
  operation.responses = { ...merged, ...PROBLEMS };
}

/** What @fastify/swagger writes for an answer without a description, and for a route without any answers. */
const NO_DESCRIPTION = 'Default Response';

/** Names of the component schemas that are referred to from `from`, directly or through each other. */
function reachable(from: unknown, schemas: Record<string, unknown>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"/]+)"/g)) {
      if (name === undefined || found.has(name)) continue;
      found.add(name);
      visit(schemas[name]);
    }
  };
  visit(from);
  return found;
}
