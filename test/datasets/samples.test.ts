import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type DatasetInspection, DatasetManifest } from '../../src/contracts/dataset.js';
import type { ElementType, ValueSignature } from '../../src/contracts/signature.js';
import { matchDataset } from '../../src/datasets/admission/match.js';
import { scanDataset } from '../../src/datasets/admission/scan-dataset.js';
import { openSamples } from '../../src/datasets/open-samples.js';
import type { Samples } from '../../src/datasets/samples.js';
import { elements, type Tensor } from '../../src/onnx/ir/tensor.js';
import { npy, zip } from './npz-writer.js';
import { fileOf, golden, never, scratch } from './scratch.js';

interface Opened {
  readonly samples: Samples;
  readonly inspection: DatasetInspection;
  readonly folder: string;
}

const opened: Samples[] = [];
after(async () => {
  for (const samples of opened) await samples.close();
});

async function open(path: string, inputs: readonly ValueSignature[], manifest: unknown = {}): Promise<Opened> {
  const inspection = await scanDataset(path, never());
  const match = matchDataset(inputs, inspection, DatasetManifest.parse(manifest));
  const folder = mkdtempSync(join(scratch, 'samples-'));
  const samples = await openSamples({ path, inspection }, match, inputs, folder);
  opened.push(samples);
  return { samples, inspection, folder };
}

const json = (name: string): Record<string, number[]> => JSON.parse(readFileSync(golden(name), 'utf8'));
const fed = (feeds: ReadonlyMap<string, Tensor>, name = 'x'): Tensor => {
  const tensor = feeds.get(name);
  assert.ok(tensor, `no feed ${name}`);
  return tensor;
};
const image = (dtype: ElementType, shape: readonly (number | string)[] = ['n', 3, 2, 2]): ValueSignature[] => [
  { name: 'x', dtype, shape: [...shape] },
];

test('rows of every element type are the bytes that numpy holds, in any order', async () => {
  const expected = json('dtypes-rows-2-0.json');
  for (const dtype of Object.keys(expected) as ElementType[]) {
    const shape = ['uint8', 'int8', 'bool'].includes(dtype) ? ['n', 2] : dtype === 'float32' ? ['n', 1] : ['n'];
    const { samples } = await open(golden('dtypes.npz'), [{ name: dtype, dtype, shape }]);
    const tensor = fed(await samples.feeds([2, 0]), dtype);
    assert.equal(tensor.dtype, dtype);
    assert.deepEqual([...tensor.bytes], expected[dtype], dtype);
  }
});

test('raw · scale + offset per channel, after the layout was changed, equals numpy bit by bit', async () => {
  const prepared = json('images-prepared.json');
  const { scale, offset } = prepared;
  const manifest = { arrays: { x: { layout: 'nhwc_to_nchw', scale, offset } } };
  const whole = await open(golden('images.npz'), image('float32'), manifest);
  const tensor = fed(await whole.samples.feeds([0, 1, 2]));
  assert.deepEqual(tensor.dims, [3, 3, 2, 2]);
  assert.deepEqual(elements(tensor, 'float32'), Float32Array.from(prepared.channels_first_float32 ?? []));
  const half = await open(golden('images.npz'), image('float16'), manifest);
  assert.deepEqual(
    [...elements(fed(await half.samples.feeds([0, 1, 2])), 'float16')],
    prepared.channels_first_float16_bits,
  );
  const part = fed(await whole.samples.feeds([1]));
  assert.deepEqual(part.bytes, tensor.bytes.subarray(48, 96));
});

test('one scale and offset for all, and a cast without any, equal numpy bit by bit', async () => {
  const prepared = json('images-prepared.json');
  const inputs = image('float32', ['n', 2, 2, 3]);
  const { samples } = await open(golden('images.npz'), inputs, { arrays: { x: { scale: 1 / 127.5, offset: -1 } } });
  assert.deepEqual(
    elements(fed(await samples.feeds([0, 1, 2])), 'float32'),
    Float32Array.from(prepared.one_scale_float32 ?? []),
  );
  const plain = await open(golden('images.npz'), image('float16', ['n', 2, 2, 3]));
  assert.deepEqual([...elements(fed(await plain.samples.feeds([0, 1, 2])), 'float16')], prepared.cast_float16_bits);
});

test('labels come as they are stored, first axis the sample', async () => {
  const { samples } = await open(golden('images.npz'), image('float32', ['n', 2, 2, 3]));
  const labels = await samples.labels([2, 1]);
  assert.ok(labels);
  assert.deepEqual(labels.dims, [2]);
  assert.deepEqual(elements(labels, 'int64'), BigInt64Array.from([1n, 0n]));
  const { samples: unlabelled } = await open(golden('dtypes.npz'), [{ name: 'int64', dtype: 'int64', shape: ['n'] }]);
  assert.equal(await unlabelled.labels([0]), null);
});

const bytesOf = (...values: number[]) => Uint8Array.from(values);
const recurrent = () =>
  zip({
    'frame.npy': npy('|u1', [2, 3], bytesOf(1, 2, 3, 4, 5, 6)),
    'state.npy': npy('|u1', [2, 2, 1], bytesOf(7, 8, 9, 10)),
    'rate.npy': npy('<i8', [2], new Uint8Array(BigInt64Array.from([8000n, 16000n]).buffer)),
  });

test('arrays with one more axis are fed alone, a scalar as a scalar', async () => {
  const { samples } = await open(fileOf(await recurrent()), [
    { name: 'frame', dtype: 'float32', shape: ['batch', 3] },
    { name: 'state', dtype: 'float32', shape: [2, 'batch'] },
    { name: 'rate', dtype: 'int64', shape: [] },
  ]);
  assert.equal(samples.singleOnly, true);
  assert.equal(samples.batch, 1);
  const feeds = await samples.feeds([1]);
  assert.deepEqual(fed(feeds, 'frame').dims, [1, 3]);
  assert.deepEqual(fed(feeds, 'state').dims, [2, 1]);
  assert.deepEqual([...elements(fed(feeds, 'state'), 'float32')], [9, 10]);
  assert.deepEqual(fed(feeds, 'rate').dims, []);
  assert.deepEqual([...elements(fed(feeds, 'rate'), 'int64')], [16000n]);
  await assert.rejects(samples.feeds([0, 1]), RangeError);
});

test('a value that an integer input cannot hold names its sample', async () => {
  const path = fileOf(npy('<i8', [3], new Uint8Array(BigInt64Array.from([1n, 2n, 300n]).buffer)));
  const { samples } = await open(path, [{ name: 'x', dtype: 'uint8', shape: ['n'] }]);
  assert.deepEqual([...fed(await samples.feeds([0, 1])).bytes], [1, 2]);
  await assert.rejects(samples.feeds([1, 2]), { code: 'dataset_mismatch', message: /holds 300 in sample 2/ });
});

test('only what the model needs is unpacked, under names of our own', async () => {
  const { folder } = await open(fileOf(await recurrent()), [{ name: 'frame', dtype: 'float32', shape: ['n', 3] }]);
  assert.deepEqual(readdirSync(folder), ['array-0.raw']);
});

test('indices that are not there are a mistake of the caller', async () => {
  const { samples } = await open(golden('images.npz'), image('float32', ['n', 2, 2, 3]));
  for (const indices of [[3], [-1], [0.5], []]) await assert.rejects(samples.feeds(indices), RangeError);
});

test('memory does not grow with the number of samples', async () => {
  const count = 40_000;
  const path = fileOf(npy('|u1', [count, 1024], new Uint8Array(count * 1024)));
  const { samples } = await open(path, [{ name: 'x', dtype: 'float32', shape: ['n', 1024] }]);
  const before = process.memoryUsage().arrayBuffers;
  for (let start = 0; start < 4096; start += 32) await samples.feeds(Array.from({ length: 32 }, (_, i) => start + i));
  const held = process.memoryUsage().arrayBuffers - before;
  assert.ok(held < count * 1024, `${held} bytes are held`);
});

const WINDOWS = '../shared/data/speech-windows.npz';
test('speech windows with their recurrent states', {
  skip: existsSync(WINDOWS) ? false : `${WINDOWS} is not here`,
}, async () => {
  const { samples } = await open(WINDOWS, [
    { name: 'input', dtype: 'float32', shape: [null, null] },
    { name: 'state', dtype: 'float32', shape: [2, null, 128] },
    { name: 'sr', dtype: 'int64', shape: [] },
  ]);
  const feeds = await samples.feeds([3]);
  const start = (name: string) => [...elements(fed(feeds, name), 'float32').subarray(0, 2)].map((x) => x.toFixed(6));
  assert.deepEqual(start('input'), ['0.086212', '0.066010']);
  assert.deepEqual(start('state'), ['-0.356906', '-0.001480']);
  assert.deepEqual(fed(feeds, 'state').dims, [2, 1, 128]);
});
