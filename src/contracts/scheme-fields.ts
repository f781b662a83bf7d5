const INTEGERS = ['int8_static', 'int8_dynamic', 'int8_weights', 'int4_weights'];
const NO_INTEGERS = `only ${INTEGERS.join(', ')} make integers`;
const NOT_CALIBRATED = 'only int8_static has calibrated activations';

/** What some schemes do not read, by its path in the step: who does, beside "auto", and why the others do not. */
const SCHEME_FIELDS: readonly {
  readonly field: string;
  readonly schemes: readonly string[];
  readonly message: string;
}[] = [
  { field: 'activations', schemes: ['int8_static'], message: NOT_CALIBRATED },
  { field: 'calibration/method', schemes: ['int8_static'], message: NOT_CALIBRATED },
  { field: 'calibration/percentile', schemes: ['int8_static'], message: NOT_CALIBRATED },
  { field: 'calibration/overrides', schemes: ['int8_static'], message: NOT_CALIBRATED },
  {
    field: 'calibration/samples',
    // int8_dynamic: for transforms and rounding; int4_weights: for gptq.
    schemes: ['int8_static', 'int8_dynamic', 'int4_weights', 'fp16'],
    message: 'this scheme measures nothing on samples',
  },
  {
    field: 'weights',
    schemes: ['int4_weights'],
    message:
      'only int4_weights takes bits and methods of weights; int8_static has "weight_bits", the others have weights of one size',
  },
  {
    field: 'weight_bits',
    schemes: ['int8_static'],
    message: 'only int8_static multiplies INT8 by weights of 4 bits; int4_weights takes "weights": {"bits": …}',
  },
  {
    field: 'portable',
    schemes: ['int8_static', 'int8_dynamic'],
    message: 'only int8_static and int8_dynamic add integers up in ways that differ between CPUs',
  },
  { field: 'per_channel', schemes: INTEGERS, message: NO_INTEGERS },
  { field: 'only_what_pays', schemes: INTEGERS, message: NO_INTEGERS },
];

const unreadBy = (scheme: string) =>
  scheme === 'auto' ? [] : SCHEME_FIELDS.filter(({ schemes }) => !schemes.includes(scheme));

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const valueAt = (step: unknown, field: string): unknown =>
  field
    .split('/')
    .reduce<unknown>((value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined), step);

/**
 * What a step says to a scheme that does not read it.
 * @param untold the step of this scheme with every default: a default is nobody's wish
 */
export const unreadFields = (
  scheme: string,
  step: object,
  untold: object,
): { readonly field: string; readonly message: string }[] =>
  unreadBy(scheme).filter(
    ({ field }) => JSON.stringify(valueAt(step, field)) !== JSON.stringify(valueAt(untold, field)),
  );

/** A step without what its scheme does not read, as a person would write it; parsed again it has its defaults there. */
export function readFields(scheme: string, step: object): Readonly<Record<string, unknown>> {
  const unread = new Set(unreadBy(scheme).map(({ field }) => field));
  const without = (value: object, path: string): Readonly<Record<string, unknown>> =>
    Object.fromEntries(
      Object.entries(value).flatMap(([key, member]: [string, unknown]) => {
        const at = `${path}${key}`;
        if (unread.has(at)) return [];
        if (!isObject(member)) return [[key, member]];
        const rest = without(member, `${at}/`);
        return Object.keys(rest).length === 0 ? [] : [[key, rest]];
      }),
    );
  return without(step, '');
}
