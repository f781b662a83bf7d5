import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Augment } from '../../src/contracts/augment.js';
import type { ValueSignature } from '../../src/contracts/signature.js';
import { checkAugmentation } from '../../src/datasets/admission/check-augmentation.js';
import { ServiceError } from '../../src/platform/errors.js';

const input = (shape: ValueSignature['shape'], dtype: ValueSignature['dtype'] = 'float32'): ValueSignature[] => [
  { name: 'x', dtype, shape },
];
const PICTURES = input(['N', 3, 32, 32]);
const POINTER = '/steps/0/training/augment';

const ACCEPTED: readonly [string, Parameters<typeof Augment.parse>[0], ValueSignature[]][] = [
  ['pictures', { flip: true, crop: 4, noise: 0.1, mixup: 1 }, PICTURES],
  ['pictures of any size', { flip: true, crop: 4 }, input([null, 3, 'height', 'width'])],
  ['rows that are mixed', { mixup: 0.2, noise: 1 }, input(['N', 64])],
  ['pictures so narrow that the last axis could be colours', { flip: true }, input(['N', 1, 48, 4])],
];
const REFUSED: readonly [string, Parameters<typeof Augment.parse>[0], ValueSignature[], number, string, RegExp][] = [
  ['rows', { flip: true }, input(['N', 64]), 8, '/flip', /x has 2 axes/],
  ['channels last', { crop: 2 }, input(['N', 32, 32, 3]), 8, '/crop', /channels last/],
  ['a shift by half the picture', { crop: 16 }, PICTURES, 8, '/crop', /less than half/],
  ['whole numbers', { noise: 1 }, input(['N', 64], 'int64'), 8, '', /x \(int64\)/],
  ['two inputs', { mixup: 1 }, [...PICTURES, ...PICTURES], 8, '', /one float32 input/],
  ['batches of one', { mixup: 1 }, PICTURES, 1, '/mixup', /holds one/],
];

describe('an augmentation', () => {
  for (const [what, spec, inputs] of ACCEPTED)
    test(`takes ${what}`, () => checkAugmentation(Augment.parse(spec), inputs, 8, POINTER));
  for (const [what, spec, inputs, batch, field, says] of REFUSED)
    test(`refuses ${what}`, () =>
      assert.throws(
        () => checkAugmentation(Augment.parse(spec), inputs, batch, POINTER),
        (error: unknown) =>
          error instanceof ServiceError &&
          error.code === 'invalid_request' &&
          says.test(error.detail) &&
          error.context.errors?.[0]?.pointer === `${POINTER}${field}`,
      ));
});
