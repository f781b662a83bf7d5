import type { FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import type { FieldError } from '../contracts/problem.js';
import { ServiceError } from '../platform/errors.js';
import { didYouMean } from '../platform/nearest-name.js';
import { firstRefusal } from './bounded-value.js';
import { formsOf, nearestForm } from './union-issue.js';

/** More errors than this help nobody, and a hostile body could make one per byte. */
const MAX_REPORTED_ERRORS = 50;
const MAX_SHOWN_CHARACTERS = 80;
/** Parts the messages of one issue about several keys. */
const LINE = '\n';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** RFC 6901. */
const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** A value as the sender wrote it, cut short; containers by their kind alone. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'object' && value !== null) return 'object';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
}

const listed = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join(', ');

/** What was expected, in words, by the kind of issue; zod's own sentences never leave. */
type Described = (issue: Issue) => string;
const EXPECTED: { [Code in Issue['code']]?: (issue: Extract<Issue, { code: Code }>) => string } = {
  invalid_type: (issue) => issue.expected,
  too_big: (issue) => `at most ${issue.maximum}${unitOf(issue.origin)}`,
  too_small: (issue) =>
    `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unitOf(issue.origin)}`,
  not_multiple_of: (issue) => `a multiple of ${issue.divisor}`,
  invalid_union: (issue) => acceptedBy(issue),
  invalid_value: (issue) => `${issue.values.length === 1 ? '' : 'one of '}${listed(issue.values)}`,
};

/** Begins the message of a union that `explain` worded. */
const WORDED = 'Expected ';

/** What a union takes: as `explain` worded it, or what each of its forms says to be expected. */
function acceptedBy({ message, errors }: z.core.$ZodIssueInvalidUnion): string {
  if (message.startsWith(WORDED)) return message.slice(WORDED.length, -1);
  const each = errors.flatMap((branch) =>
    branch.slice(0, 1).map((issue) => (EXPECTED[issue.code] as Described | undefined)?.(issue) ?? 'another form'),
  );
  return [...new Set(each)].join(' or ');
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' items' : '';
}

/** The names that a strict object knows, for a guess at what an unknown one meant. */
function knownKeys(schema: unknown): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Puts what only zod's inside knows into the message: it runs while the schema that complains is still at hand. */
function explain(issue: RawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.inst);
    return issue.keys
      .slice(0, MAX_REPORTED_ERRORS)
      .map((key) => `There is no ${shown(key)} here.${didYouMean(key, known)}`)
      .join(LINE);
  }
  if (issue.code === 'invalid_union' && issue.inst instanceof z.ZodDiscriminatedUnion) {
    const { options, discriminator } = issue.inst.def;
    const values = options.flatMap((option) => [...(option._zod.propValues?.[discriminator] ?? [])]);
    return `${WORDED}one of ${listed(values)}.`;
  }
  if (issue.code === 'invalid_union') {
    const forms = formsOf(issue.inst);
    return forms === null ? undefined : `${WORDED}${forms}.`;
  }
  return undefined;
}

/** The message of an issue that our own schemas or `explain` worded, or null when zod did. */
function ownMessage(issue: Issue): string | null {
  if (issue.code === 'custom' || issue.code === 'unrecognized_keys') return issue.message;
  if (issue.code === 'invalid_format' && issue.message.startsWith('expected '))
    return `${issue.message[0]?.toUpperCase()}${issue.message.slice(1)}.`;
  return null;
}

/** What the sender wrote at a path. */
const valueAt = (root: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    root,
  );

/** @param root the whole value that was checked */
function fieldErrors(issue: Issue, root: unknown): FieldError[] {
  const nearest = issue.code === 'invalid_union' ? nearestForm(issue) : null;
  if (nearest !== null) return nearest.flatMap((inner) => fieldErrors(inner, root));
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split(LINE);
    return messages.map((message, index) => ({
      pointer: pointerOf([...issue.path, issue.keys[index] ?? '']),
      code: issue.code,
      message,
    }));
  }
  if (issue.code === 'invalid_key')
    return issue.issues.flatMap((inner) => fieldErrors({ ...inner, path: issue.path } as Issue, root));
  const describe = EXPECTED[issue.code] as Described | undefined;
  const expected = describe?.(issue);
  // A check of ours, and a union told apart by a field, complain of a field while they look at all of its object.
  const atPath = issue.code === 'custom' || issue.code === 'invalid_union';
  const received = shown(atPath ? valueAt(root, issue.path) : issue.input);
  const message =
    ownMessage(issue) ??
    (expected === undefined ? 'The value has none of the accepted forms.' : `Expected ${expected}, got ${received}.`);
  return [
    {
      pointer: pointerOf(issue.path),
      code: issue.code,
      message,
      ...(expected === undefined ? {} : { expected }),
      received,
    },
  ];
}

/**
 * The value in the shape of the schema, with its defaults.
 * @throws ServiceError invalid_request with one entry of `errors` for each field that is wrong, below the pointer `root`.
 */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
  root = '',
): z.output<Schema> {
  const refusal = firstRefusal(value);
  if (refusal !== null) {
    const { path, ...error } = refusal;
    throw refused(what, root, [{ pointer: pointerOf(path), ...error }]);
  }
  const result = schema.safeParse(value, { error: explain, reportInput: true });
  if (result.success) return result.data;
  const issues = result.error.issues.slice(0, MAX_REPORTED_ERRORS);
  throw refused(what, root, issues.flatMap((issue) => fieldErrors(issue, value)).slice(0, MAX_REPORTED_ERRORS));
}

function refused(what: string, root: string, errors: readonly FieldError[]): ServiceError {
  const first = errors[0];
  const where = first === undefined || first.pointer === '' ? '' : ` at ${first.pointer}`;
  return new ServiceError('invalid_request', `${what} is not acceptable${where}: ${first?.message ?? ''}`, {
    errors: errors.map((error) => ({ ...error, pointer: `${root}${error.pointer}` })),
  });
}

const PARTS: Readonly<Record<string, string>> = {
  body: 'The body',
  querystring: 'The query',
  headers: 'A header',
};

/** Fastify's validator: an id in the path that no object can have is not found, everything else is a field error. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const what = PARTS[httpPart ?? ''];
  return (value) => {
    if (what === undefined) {
      const result = schema.safeParse(value);
      return result.success
        ? { value: result.data }
        : { error: new ServiceError('not_found', 'There is no object with this id.') };
    }
    try {
      return { value: parseWith(schema, value, what) };
    } catch (error) {
      return { error: error as Error };
    }
  };
};
