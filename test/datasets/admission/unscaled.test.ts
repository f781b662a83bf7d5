import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatasetManifest } from '../../../src/contracts/dataset.js';
import type { ElementType } from '../../../src/contracts/signature.js';
import { matchDataset } from '../../../src/datasets/admission/match.js';
import { unscaledArrays } from '../../../src/datasets/admission/unscaled.js';

const CASES: readonly (readonly [stored: ElementType, taken: ElementType, settings: object, warns: boolean])[] = [
  ['uint8', 'float32', {}, true],
  ['int16', 'float16', {}, true],
  ['int64', 'float32', { layout: 'as_is' }, true],
  ['uint8', 'float32', { scale: 1 / 255 }, false],
  ['uint8', 'float32', { offset: -128 }, false],
  ['uint8', 'float32', { scale: [1, 1, 1] }, false],
  ['uint8', 'uint8', {}, false],
  ['bool', 'float32', {}, false],
  ['float32', 'float32', {}, false],
];

for (const [stored, taken, settings, warns] of CASES)
  test(`${stored} for ${taken} with ${JSON.stringify(settings)} ${warns ? 'warns' : 'is fine'}`, () => {
    const inputs = [{ name: 'x', dtype: taken, shape: ['n', 3, 4, 4] }];
    const array = { name: 'pixels', dtype: stored, shape: [10, 3, 4, 4], bytes: 0, first_non_finite: null };
    const inspection = { format: 'npz' as const, samples: 10, arrays: [array] };
    const match = matchDataset(inputs, inspection, DatasetManifest.parse({ arrays: { pixels: settings } }));
    const warnings = unscaledArrays(inputs, inspection, match);
    assert.equal(warnings.length, warns ? 1 : 0);
    if (warns) assert.match(warnings[0] ?? '', /"pixels".*"x".*scale 1 and offset 0/);
  });
