import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWith } from '../../src/api/validation.js';
import { DatasetManifest } from '../../src/contracts/dataset.js';
import { JobSpec } from '../../src/contracts/job-spec.js';
import { STEP_SCHEMES } from '../../src/contracts/quantize-step.js';
import { readFields } from '../../src/contracts/scheme-fields.js';
import { ServiceError } from '../../src/platform/errors.js';
import { newId } from '../../src/platform/ids.js';

const model = newId('mdl');
const step = { type: 'quantize', scheme: 'optimized' };

function errorsOf(parse: () => unknown) {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.code, 'invalid_request');
    return error.context.errors ?? [];
  }
  return assert.fail('it was accepted');
}

/** Body, then pointer and code of each error, and what its message must say. */
const SPECS: readonly (readonly [string, unknown, readonly (readonly [string, string, RegExp])[]])[] = [
  ['nothing', undefined, [['', 'invalid_type', /Expected object, got nothing/]]],
  ['a list', [], [['', 'invalid_type', /Expected object, got array/]]],
  ['a misspelt key', { model, steps: [], sed: 1 }, [['/sed', 'unrecognized_keys', /Did you mean "seed"\?/]]],
  [
    'a key like nothing',
    { model, steps: [], zzzzzz: 1 },
    [['/zzzzzz', 'unrecognized_keys', /There is no "zzzzzz" here\.$/]],
  ],
  [
    'two unknown keys',
    { model, steps: [], modle: 1, stpes: 2 },
    [
      ['/modle', 'unrecognized_keys', /"model"/],
      ['/stpes', 'unrecognized_keys', /"steps"/],
    ],
  ],
  ['a key with a slash', { model, steps: [], 'a/b~': 1 }, [['/a~1b~0', 'unrecognized_keys', /There is no/]]],
  ['no steps', { model }, [['/steps', 'invalid_type', /Expected array, got nothing/]]],
  ['a bad id', { model: 'mdl_1', steps: [] }, [['/model', 'invalid_format', /Expected an id of the form mdl_/]]],
  ['a negative seed', { model, steps: [], seed: -1 }, [['/seed', 'too_small', /at least 0, got -1/]]],
  ['a fractional seed', { model, steps: [], seed: 1.5 }, [['/seed', 'invalid_type', /Expected int, got 1.5/]]],
  ['a text as seed', { model, steps: [], seed: '1' }, [['/seed', 'invalid_type', /Expected number, got "1"/]]],
  [
    'an unknown step',
    { model, steps: [{ type: 'prune' }] },
    [['/steps/0/type', 'invalid_union', /Expected one of "quantize"/]],
  ],
  [
    'a field of another scheme',
    { model, steps: [{ type: 'quantize', scheme: 'int8_dynamic', keep_io_types: false }] },
    [['/steps/0/keep_io_types', 'custom', /belongs to the scheme "fp16" only/]],
  ],
  [
    'bits of weights and half a precision',
    { model, steps: [{ type: 'quantize', scheme: 'fp16', weights: { bits: 2 }, per_channel: false }] },
    [
      ['/steps/0/weights', 'custom', /only int4_weights takes bits/],
      ['/steps/0/per_channel', 'custom', /make integers/],
    ],
  ],
  [
    'a calibration that nothing is measured for',
    { model, steps: [{ type: 'quantize', scheme: 'int8_dynamic', calibration: { method: 'entropy', samples: 9 } }] },
    [['/steps/0/calibration/method', 'custom', /only int8_static has calibrated activations/]],
  ],
  [
    'samples for a scheme that reads none',
    { model, steps: [{ type: 'quantize', scheme: 'int8_weights', calibration: { samples: 9 } }] },
    [['/steps/0/calibration/samples', 'custom', /measures nothing on samples/]],
  ],
  [
    'other options beside a plan',
    {
      model,
      steps: [
        { ...{ type: 'quantize', scheme: 'auto', plan: `art_${'0'.repeat(26)}` }, per_channel: true, portable: true },
      ],
    },
    [['/steps/0/portable', 'custom', /the plan has settled this/]],
  ],
  [
    'more options beside a plan',
    {
      model,
      steps: [
        {
          ...{ type: 'quantize', scheme: 'auto', plan: `art_${'0'.repeat(26)}` },
          ...{ calibration: { samples: 3 }, objective: 'size', transforms: ['smooth'] },
        },
      ],
    },
    [
      ['/steps/0/calibration', 'custom', /the plan has settled this/],
      ['/steps/0/transforms', 'custom', /the plan has settled this/],
      ['/steps/0/objective', 'custom', /the plan has settled this/],
    ],
  ],
  [
    'an unknown scheme',
    { model, steps: [{ type: 'quantize', scheme: 'int7' }] },
    [
      [
        '/steps/0/scheme',
        'invalid_value',
        /one of "optimized", "int8_static", "int8_dynamic", "int8_weights", "int4_weights", "fp16", "fp16_weights", "auto", got "int7"/,
      ],
    ],
  ],
  [
    'a misspelt key inside',
    { model, steps: [{ ...step, per_chanel: true }] },
    [['/steps/0/per_chanel', 'unrecognized_keys', /"per_channel"/]],
  ],
  ['too many steps', { model, steps: Array(9).fill(step) }, [['/steps', 'too_big', /at most 8 items/]]],
  [
    'too many pairs of metadata',
    { model, steps: [], metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, ''])) },
    [['/metadata', 'custom', /at most 16 pairs/]],
  ],
  [
    'a long key of metadata',
    { model, steps: [], metadata: { ['k'.repeat(65)]: '' } },
    [[`/metadata/${'k'.repeat(65)}`, 'too_big', /at most 64 characters/]],
  ],
];
for (const [name, body, expected] of SPECS) {
  test(`a spec with ${name} says what is wrong and where`, () => {
    const errors = errorsOf(() => parseWith(JobSpec, body, 'The body'));
    assert.deepEqual(
      errors.map(({ pointer, code }) => [pointer, code]),
      expected.map(([pointer, code]) => [pointer, code]),
    );
    for (const [index, error] of errors.entries()) assert.match(error.message, expected[index]?.[2] ?? /^$/);
  });
}

const quantize = (rest: object) => ({ model, steps: [{ type: 'quantize', ...rest }] });
const distill = (rest: object) => ({ model, steps: [{ type: 'distill', ...rest }] });
const FORMS = /one of the forms \{"template": …, "widths": …\}, \{"model": …\}, \{"from": "teacher"\}/;

/** Body, then pointer of the first error, what was expected, and what was received. */
const UNIONS: readonly (readonly [string, unknown, string, RegExp | undefined, string | undefined])[] = [
  [
    'bits that nobody packs',
    quantize({ scheme: 'int4_weights', weights: { bits: 5 } }),
    '/weights/bits',
    /^2 or 3 or 4$/,
    '5',
  ],
  [
    'a recovery in words',
    quantize({ scheme: 'int4_weights', recover: 'yes' }),
    '/recover',
    /^boolean or object$/,
    '"yes"',
  ],
  [
    'scales of a recovery',
    quantize({ scheme: 'int4_weights', recover: { scales: 'trained' } }),
    '/recover/scales',
    /^one of "frozen", "learned"$/,
    '"trained"',
  ],
  ['a recovery of floats', quantize({ scheme: 'fp16', recover: true }), '/recover', undefined, 'true'],
  [
    'an objective of another scheme',
    quantize({ scheme: 'fp16', objective: 'size' }),
    '/objective',
    undefined,
    '"size"',
  ],
  ['no student', distill({}), '/student', FORMS, 'nothing'],
  ['an empty student', distill({ student: {} }), '/student', FORMS, 'object'],
  ['a student without widths', distill({ student: { template: 'mlp' } }), '/student/widths', /^array$/, 'nothing'],
  [
    'an unknown template',
    distill({ student: { template: 'resnet' } }),
    '/student/template',
    /"mlp", "cnn"/,
    '"resnet"',
  ],
  ['a misspelt teacher', distill({ student: { from: 'techer' } }), '/student/from', /^"teacher"$/, '"techer"'],
  ['an unknown loss', distill({ student: { model }, loss: { kind: 'l1' } }), '/loss/kind', /"kd", "dkd"/, '"l1"'],
];
for (const [name, body, pointer, expected, received] of UNIONS) {
  test(`${name} is told what is expected there, and what was received`, () => {
    const [error] = errorsOf(() => parseWith(JobSpec, body, 'The body'));
    assert.deepEqual([error?.pointer, error?.received], [`/steps/0${pointer}`, received]);
    if (expected === undefined) assert.equal(error?.expected, undefined);
    else assert.match(error?.expected ?? '', expected);
  });
}

test('a good spec comes back with every default', () => {
  const spec = parseWith(JobSpec, { model, steps: [step] }, 'The body');
  assert.equal(spec.seed, 0);
  assert.equal(spec.timeout_seconds, 3600);
  assert.equal(spec.evaluate.latency.runs, 200);
});

for (const scheme of STEP_SCHEMES) {
  test(`a spec of ${scheme} is as good when it comes back with its defaults`, () => {
    const body = { model, steps: [{ type: 'quantize', scheme }] };
    const spec = parseWith(JobSpec, body, 'The body');
    assert.deepEqual(parseWith(JobSpec, spec, 'The body'), spec);
    const stated = spec.steps.map((each) => readFields(scheme, each));
    assert.equal('weights' in (stated[0] ?? {}), scheme === 'int4_weights' || scheme === 'auto');
    assert.deepEqual(parseWith(JobSpec, { ...spec, steps: stated }, 'The body'), spec);
  });
}

test('a manifest is checked in place, below its own pointer', () => {
  const errors = errorsOf(() =>
    parseWith(DatasetManifest, { arrays: { x: { sclae: 1 } } }, 'The manifest', '/manifest'),
  );
  assert.deepEqual(
    errors.map(({ pointer }) => pointer),
    ['/manifest/arrays/x/sclae'],
  );
  assert.match(errors[0]?.message ?? '', /"scale"/);
});

test('an object with very many members is refused before anybody looks at them', () => {
  const crowd = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`x${i}`, 0]));
  const errors = errorsOf(() =>
    parseWith(JobSpec, { model, steps: [], evaluate: { latency: { shapes: crowd } } }, 'The body'),
  );
  assert.deepEqual(
    errors.map(({ pointer, code }) => [pointer, code]),
    [['/evaluate/latency/shapes', 'too_big']],
  );
});

test('a hostile body gets a bounded number of errors, and no long value back', () => {
  const errors = errorsOf(() =>
    parseWith(
      JobSpec,
      { model, steps: [], ...Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`x${i}`, 0])) },
      'The body',
    ),
  );
  assert.equal(errors.length, 50);
  const [long] = errorsOf(() => parseWith(JobSpec, { model, steps: [{ type: 'x'.repeat(10_000) }] }, 'The body'));
  assert.ok(JSON.stringify(long).length < 1000);
});
