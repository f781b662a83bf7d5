import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArrayInspection, DatasetInspection } from '../../../src/contracts/dataset.js';
import { DatasetManifest } from '../../../src/contracts/dataset.js';
import type { Dimension, ElementType, ValueSignature } from '../../../src/contracts/signature.js';
import { checkManifest } from '../../../src/datasets/admission/manifest.js';
import { matchDataset } from '../../../src/datasets/admission/match.js';
import { ServiceError } from '../../../src/platform/errors.js';

const array = (
  name: string,
  shape: number[],
  dtype: ElementType = 'float32',
  bad: number | null = null,
): ArrayInspection => ({
  name,
  dtype,
  shape,
  bytes: 0,
  first_non_finite: bad,
});
const dataset = (...arrays: ArrayInspection[]): DatasetInspection => ({
  format: 'npz',
  samples: arrays[0]?.shape[0] ?? 0,
  arrays,
});
const input = (name: string, shape: Dimension[] | null, dtype: ElementType | null = 'float32'): ValueSignature => ({
  name,
  dtype,
  shape,
});
const manifest = (value: unknown = {}): DatasetManifest => DatasetManifest.parse(value);

const image = input('x', ['n', 3, 8, 8]);
const images = array('x', [10, 3, 8, 8], 'uint8');
const labels = array('labels', [10], 'int64');

interface Fit {
  readonly inputs: ValueSignature[];
  readonly arrays: ArrayInspection[];
  readonly manifest?: unknown;
  /** input ← array, with `alone` marked by an exclamation mark. */
  readonly pairs: string;
  readonly batch?: number;
  readonly labels?: string;
}

const FITS: Readonly<Record<string, Fit>> = {
  'an array and an input of one name': { inputs: [image], arrays: [images, labels], pairs: 'x←x', labels: 'labels' },
  'the only array and the only input': {
    inputs: [image],
    arrays: [array('pixels', [10, 3, 8, 8]), labels],
    pairs: 'x←pixels',
    labels: 'labels',
  },
  'an input that the manifest names': {
    inputs: [image, input('m', ['n'])],
    arrays: [array('a', [10]), array('b', [10, 3, 8, 8])],
    manifest: { arrays: { a: { input: 'm' }, b: { input: 'x' } } },
    pairs: 'x←b m←a',
  },
  'labels that the manifest names': {
    inputs: [image],
    arrays: [images, array('y', [10], 'int64')],
    manifest: { labels: 'y' },
    pairs: 'x←x',
    labels: 'y',
  },
  'an input called labels': { inputs: [input('labels', ['n'], 'int64')], arrays: [labels], pairs: 'labels←labels' },
  'an extra array that feeds nothing': { inputs: [image], arrays: [images, array('speaker', [10])], pairs: 'x←x' },
  'a scalar and a recurrent state, each fed alone': {
    inputs: [input('input', ['batch', 'n']), input('state', [2, 'batch', 128]), input('sr', [], 'int64')],
    arrays: [array('input', [10, 576]), array('state', [10, 2, 1, 128]), array('sr', [10], 'int64')],
    pairs: 'input←input state←state! sr←sr!',
    batch: 1,
  },
  'a fixed batch': { inputs: [input('x', [4, 3])], arrays: [array('x', [10, 3])], pairs: 'x←x', batch: 4 },
  'whole inputs with a fixed batch': {
    inputs: [input('x', [4, 3])],
    arrays: [array('x', [10, 4, 3])],
    pairs: 'x←x!',
    batch: 1,
  },
  'an unknown rank': { inputs: [input('x', null)], arrays: [array('x', [10, 3])], pairs: 'x←x' },
  'a layout that is changed': {
    inputs: [image],
    arrays: [array('x', [10, 8, 8, 3])],
    manifest: { arrays: { x: { layout: 'nhwc_to_nchw', scale: [1, 2, 3] } } },
    pairs: 'x←x',
  },
  'whole numbers for a wider integer input': {
    inputs: [input('x', ['n', 4], 'int64')],
    arrays: [array('x', [10, 4], 'uint8')],
    pairs: 'x←x',
  },
  'truth values for a bool input': {
    inputs: [input('x', ['n'], 'bool')],
    arrays: [array('x', [10], 'bool')],
    pairs: 'x←x',
  },
  'names of dimensions that say nothing': {
    inputs: [input('x', ['?', '?', '?'])],
    arrays: [array('x', [10, 3, 4])],
    pairs: 'x←x',
  },
  'an unused array with NaN': { inputs: [image], arrays: [images, array('z', [10], 'float32', 3)], pairs: 'x←x' },
};

for (const [name, fit] of Object.entries(FITS))
  test(`fits: ${name}`, () => {
    const match = matchDataset(fit.inputs, dataset(...fit.arrays), manifest(fit.manifest));
    const pairs = match.arrays.map(({ input, array, alone }) => `${input}←${array}${alone ? '!' : ''}`).join(' ');
    assert.equal(pairs, fit.pairs);
    assert.equal(match.batch, fit.batch ?? null);
    assert.equal(match.labels, fit.labels ?? null);
  });

interface Misfit {
  readonly inputs: ValueSignature[];
  readonly arrays: ArrayInspection[];
  readonly manifest?: unknown;
  readonly errors: readonly { pointer: string; code: string; says?: RegExp; expected?: string; received?: string }[];
}

const MISFITS: Readonly<Record<string, Misfit>> = {
  'a rank too few': {
    inputs: [image],
    arrays: [array('x', [10, 64])],
    errors: [
      {
        pointer: '/dataset/arrays/x/shape',
        code: 'rank_mismatch',
        received: 'rank 2',
        says: /\[n, 3, 8, 8\], the array \[10, 64\]/,
      },
    ],
  },
  'another size': {
    inputs: [image],
    arrays: [array('x', [10, 1, 8, 8])],
    errors: [
      {
        pointer: '/dataset/arrays/x/shape',
        code: 'shape_mismatch',
        expected: 'samples of shape [3, 8, 8]',
        received: 'samples of shape [1, 8, 8]',
      },
    ],
  },
  'two sizes of one named dimension': {
    inputs: [input('ids', ['n', 'sequence'], 'int64'), input('mask', ['n', 'sequence'], 'int64')],
    arrays: [array('ids', [10, 64], 'int64'), array('mask', [10, 32], 'int64')],
    errors: [
      {
        pointer: '/dataset/arrays/mask/shape',
        code: 'shape_mismatch',
        says: /"sequence" is 32 here and 64 in array "ids"/,
      },
    ],
  },
  'fractions for an integer input': {
    inputs: [input('x', ['n', 4], 'int64')],
    arrays: [array('x', [10, 4])],
    errors: [
      { pointer: '/dataset/arrays/x/dtype', code: 'dtype_mismatch', expected: 'whole numbers', received: 'float32' },
    ],
  },
  'a scaled integer input': {
    inputs: [input('x', ['n', 4], 'int64')],
    arrays: [array('x', [10, 4], 'int64')],
    manifest: { arrays: { x: { scale: 2 } } },
    errors: [{ pointer: '/dataset/manifest/arrays/x/scale', code: 'not_scalable', expected: '1', received: '2' }],
  },
  'an input of texts': {
    inputs: [input('x', ['n'], 'string')],
    arrays: [array('x', [10])],
    errors: [{ pointer: '/dataset/arrays/x/dtype', code: 'input_not_fed' }],
  },
  'a mistyped array name': {
    inputs: [input('input_ids', ['n']), input('attention_mask', ['n'])],
    arrays: [array('inputs_ids', [10]), array('attention_mask', [10])],
    errors: [{ pointer: '/dataset/arrays', code: 'input_without_array', says: /Did you mean "inputs_ids"\?/ }],
  },
  'a mistyped array in the manifest': {
    inputs: [image],
    arrays: [images],
    manifest: { arrays: { X: { scale: 2 } } },
    errors: [{ pointer: '/dataset/manifest/arrays/X', code: 'unknown_array', says: /Did you mean "x"\?/ }],
  },
  'a name that a pointer must escape': {
    inputs: [image],
    arrays: [images],
    manifest: { arrays: { 'a/b~c': {} } },
    errors: [{ pointer: '/dataset/manifest/arrays/a~1b~0c', code: 'unknown_array' }],
  },
  'a mistyped input in the manifest': {
    inputs: [image],
    arrays: [images],
    manifest: { arrays: { x: { input: 'y' } } },
    errors: [
      { pointer: '/dataset/manifest/arrays/x/input', code: 'unknown_input' },
      { pointer: '/dataset/arrays', code: 'input_without_array' },
    ],
  },
  'two arrays for one input': {
    inputs: [image],
    arrays: [images, array('z', [10, 3, 8, 8])],
    manifest: { arrays: { z: { input: 'x' } } },
    errors: [{ pointer: '/dataset/manifest/arrays/z/input', code: 'input_fed_twice' }],
  },
  'scales for other channels': {
    inputs: [image],
    arrays: [images],
    manifest: { arrays: { x: { scale: [1, 2], offset: [0, 0, 0] } } },
    errors: [
      {
        pointer: '/dataset/manifest/arrays/x/scale',
        code: 'channel_mismatch',
        expected: 'one number or 3',
        received: '2 values',
      },
    ],
  },
  'no axis to move': {
    inputs: [input('x', ['n', 4])],
    arrays: [array('x', [10, 4])],
    manifest: { arrays: { x: { layout: 'nhwc_to_nchw' } } },
    errors: [{ pointer: '/dataset/manifest/arrays/x/layout', code: 'layout_needs_axes' }],
  },
  'two fixed batches': {
    inputs: [input('a', [4, 3]), input('b', [2, 3])],
    arrays: [array('a', [10, 3]), array('b', [10, 3])],
    errors: [{ pointer: '/dataset/arrays/b', code: 'batch_mismatch', expected: '4', received: '2' }],
  },
  'labels that are not there': {
    inputs: [image],
    arrays: [images],
    manifest: { labels: 'y' },
    errors: [{ pointer: '/dataset/manifest/labels', code: 'unknown_array' }],
  },
  'splits outside and overlapping': {
    inputs: [image],
    arrays: [images],
    manifest: { splits: { calibration: [0, 5], selection: [4, 6], evaluation: [6, 11] } },
    errors: [
      { pointer: '/dataset/manifest/splits/selection', code: 'overlapping_splits', received: '[4, 6)' },
      { pointer: '/dataset/manifest/splits/evaluation', code: 'out_of_range', expected: 'at most 10' },
    ],
  },
};

for (const [name, misfit] of Object.entries(MISFITS))
  test(`does not fit: ${name}`, () => {
    assert.throws(
      () => matchDataset(misfit.inputs, dataset(...misfit.arrays), manifest(misfit.manifest)),
      (error: unknown) => {
        if (!(error instanceof ServiceError)) throw error;
        assert.equal(error.code, 'dataset_mismatch');
        const errors = error.context.errors ?? [];
        assert.deepEqual(
          errors.map(({ pointer, code }) => ({ pointer, code })),
          misfit.errors.map(({ pointer, code }) => ({ pointer, code })),
        );
        misfit.errors.forEach(({ says, expected, received }, index) => {
          if (says) assert.match(errors[index]?.message ?? '', says);
          if (expected !== undefined) assert.equal(errors[index]?.expected, expected);
          if (received !== undefined) assert.equal(errors[index]?.received, received);
        });
        return true;
      },
    );
  });

test('NaN in an array that is used names the sample', () => {
  assert.throws(
    () => matchDataset([image], dataset(array('x', [10, 3, 8, 8], 'float32', 7)), manifest()),
    (error: unknown) =>
      error instanceof ServiceError && error.code === 'dataset_not_finite' && /sample 7/.test(error.detail),
  );
});

test('fewer samples than the fixed batch are too small a dataset', () => {
  assert.throws(() => matchDataset([input('x', [64, 3])], dataset(array('x', [10, 3])), manifest()), {
    code: 'dataset_too_small',
  });
});

test('a manifest is checked against its data at upload', () => {
  checkManifest(dataset(images, labels), manifest({ labels: 'labels', splits: { evaluation: [0, 10] } }));
  assert.throws(
    () => checkManifest(dataset(images), manifest({ labels: 'label' })),
    (error: unknown) =>
      error instanceof ServiceError &&
      error.code === 'invalid_request' &&
      error.context.errors?.[0]?.pointer === '/manifest/labels',
  );
});
