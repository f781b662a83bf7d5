import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dimension, ElementType, ValueSignature } from '../../src/contracts/signature.js';
import { syntheticSamples } from '../../src/datasets/synthetic.js';
import { numbers } from '../../src/onnx/ir/numbers.js';
import type { Tensor } from '../../src/onnx/ir/tensor.js';
import { ServiceError } from '../../src/platform/errors.js';

const input = (name: string, shape: Dimension[] | null, dtype: ElementType = 'float32'): ValueSignature => ({
  name,
  dtype,
  shape,
});
const values = (tensor: Tensor | undefined): number[] => {
  assert.ok(tensor);
  return Array.from(numbers(tensor));
};

test('samples are stacked on a free first axis, and do not depend on the batch', async () => {
  const samples = syntheticSamples([input('x', ['n', 3, 'h']), input('m', ['n'], 'int64')], 8, 1, { h: 2 });
  assert.deepEqual([samples.count, samples.batch, samples.singleOnly], [8, null, false]);
  const both = await samples.feeds([5, 2]);
  assert.deepEqual(both.get('x')?.dims, [2, 3, 2]);
  assert.deepEqual(both.get('m')?.dims, [2]);
  const one = await samples.feeds([2]);
  assert.deepEqual(values(both.get('x')).slice(6), values(one.get('x')));
  assert.equal(await samples.labels([0]), null);
});

test('inputs that do not share a free first axis are fed whole', async () => {
  const samples = syntheticSamples([input('x', ['n', 4]), input('s', [2, 'n', 3]), input('sr', [], 'int64')], 8, 1, {
    n: 1,
  });
  assert.equal(samples.singleOnly, true);
  const feeds = await samples.feeds([0]);
  assert.deepEqual(
    [...feeds].map(([name, tensor]) => [name, tensor.dims]),
    [
      ['x', [1, 4]],
      ['s', [2, 1, 3]],
      ['sr', []],
    ],
  );
});

test('equal seeds give equal values, other seeds other ones', async () => {
  const draw = async (seed: number) =>
    values((await syntheticSamples([input('x', ['n', 9])], 2, seed).feeds([1])).get('x'));
  assert.deepEqual(await draw(1), await draw(1));
  assert.notDeepEqual(await draw(1), await draw(2));
});

test('floats are standard normal', async () => {
  for (const dtype of ['float32', 'float16', 'float64'] as const) {
    const all = values((await syntheticSamples([input('x', ['n', 20_000], dtype)], 1, 3).feeds([0])).get('x'));
    const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
    const variance = all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length;
    assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05, `${dtype}: ${mean}, ${variance}`);
  }
});

const RANGES: readonly (readonly [ElementType, number, number])[] = [
  ['bool', 0, 1],
  ['uint8', 0, 255],
  ['int8', -128, 127],
  ['int16', 0, 1],
  ['int32', 0, 1],
  ['int64', 0, 1],
  ['uint64', 0, 1],
];
for (const [dtype, low, high] of RANGES)
  test(`${dtype} values fill ${low} to ${high}`, async () => {
    const all = values((await syntheticSamples([input('x', ['n', 5000], dtype)], 1, 3).feeds([0])).get('x'));
    assert.equal(Math.min(...all), low);
    assert.equal(Math.max(...all), high);
  });

const UNKNOWN: readonly (readonly [string, ValueSignature, string, RegExp])[] = [
  ['a named dimension', input('x', ['n', 3, 'h/w']), 'invalid_request', /"h\/w", axis 2 of the input "x", has no size/],
  ['a dimension without a name', input('x', ['n', null]), 'dataset_required', /Axis 1/],
  ['an unknown rank', input('x', null), 'dataset_required', /no shape/],
  ['texts', input('x', ['n'], 'string'), 'dataset_required', /string/],
  ['more elements than a list can hold', input('x', ['n', 2 ** 31 - 1, 8]), 'memory_limit_exceeded', /17179869176/],
];
for (const [name, signature, code, says] of UNKNOWN)
  test(`no values can be made up for ${name}`, () => {
    assert.throws(
      () => syntheticSamples([signature], 1, 0),
      (error: unknown) => {
        if (!(error instanceof ServiceError)) throw error;
        assert.equal(error.code, code);
        assert.match(error.detail, says);
        if (code === 'invalid_request')
          assert.equal(error.context.errors?.[0]?.pointer, '/evaluate/latency/shapes/h~1w');
        return true;
      },
    );
  });
