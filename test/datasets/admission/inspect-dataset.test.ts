import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { inspectDataset } from '../../../src/datasets/admission/inspect-dataset.js';
import { FiniteCheck } from '../../../src/datasets/formats/finite.js';
import { ValueRange } from '../../../src/datasets/formats/value-range.js';
import { float32, npy, zip } from '../npz-writer.js';
import { fileOf, golden, never } from '../scratch.js';

test('every element type that numpy writes and we read', async () => {
  const inspection = await inspectDataset(golden('dtypes.npz'), never());
  assert.equal(inspection.format, 'npz');
  assert.equal(inspection.samples, 3);
  assert.deepEqual(
    inspection.arrays.map(({ name, dtype }) => [name, dtype]),
    ['bool', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'int64', 'float16', 'float32', 'float64'].map(
      (dtype) => [dtype, dtype],
    ),
  );
  assert.deepEqual(inspection.arrays[9], {
    name: 'float32',
    dtype: 'float32',
    shape: [3, 1],
    bytes: 12,
    first_non_finite: null,
    range: null,
  });
});

test('one whole number per sample has a range, which classes are checked against', async () => {
  const labels = npy('<i8', [4], new Uint8Array(BigInt64Array.of(3n, -1n, 9n, 0n).buffer));
  const pixels = npy('|u1', [4, 2], new Uint8Array(8));
  const { arrays } = await inspectDataset(fileOf(await zip({ 'l.npy': labels, 'x.npy': pixels })), never());
  assert.deepEqual(
    arrays.map(({ range }) => range),
    [[-1, 9], null],
  );
  const bytes = new Uint8Array(Int16Array.of(5, -300, 400).buffer);
  for (let size = 1; size <= bytes.length; size++) {
    const values = new ValueRange('int16');
    for (let at = 0; at < bytes.length; at += size) values.add(bytes.subarray(at, at + size));
    assert.deepEqual(values.range, [-300, 400], `chunks of ${size}`);
  }
});

for (const version of [1, 2, 3])
  test(`npy version ${version}`, async () => {
    const inspection = await inspectDataset(golden(`version-${version}.npy`), never());
    assert.deepEqual(inspection, {
      format: 'npy',
      samples: 2,
      arrays: [{ name: 'data', dtype: 'float32', shape: [2, 3, 4], bytes: 96, first_non_finite: null, range: null }],
    });
  });

test('the first sample that is not finite is found in every float type', async () => {
  const { arrays } = await inspectDataset(golden('not-finite.npz'), never());
  assert.deepEqual(Object.fromEntries(arrays.map(({ name, first_non_finite }) => [name, first_non_finite])), {
    h: 1,
    f: 1,
    d: 0,
    i: null,
  });
});

test('NaN is found wherever chunks are cut', () => {
  const bytes = new Uint8Array(Float64Array.from([1, 2, Number.NaN, 4]).buffer);
  for (let size = 1; size <= bytes.length; size++) {
    const check = new FiniteCheck('float64');
    for (let at = 0; at < bytes.length; at += size) check.add(bytes.subarray(at, at + size));
    assert.equal(check.first, 2, `chunks of ${size}`);
  }
});

test('stored, zip64 and well compressed small arrays are accepted', async () => {
  const ones = npy('|u1', [2, 1_000_000], new Uint8Array(2_000_000));
  for (const options of [{ compress: false }, { forceZip64Format: true }, {}])
    assert.equal((await inspectDataset(fileOf(await zip({ 'x.npy': ones }, options)), never())).samples, 2);
});

test('other writers order the keys of a header differently', async () => {
  const text = `{"shape":(2L,),"fortran_order":False,"descr":"=f4"}`;
  assert.equal((await inspectDataset(fileOf(npy('', [], float32(1, 2), text)), never())).samples, 2);
});

test('what the thread refuses comes out of it', async () => {
  await assert.rejects(inspectDataset(golden('pickled.npz'), never()), { code: 'unsafe_dataset' });
});

test('an aborted inspection ends with the reason of its signal', async () => {
  const reason = new Error('the client went away');
  await assert.rejects(inspectDataset(golden('dtypes.npz'), AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const running = inspectDataset(golden('dtypes.npz'), controller.signal);
  controller.abort(reason);
  await assert.rejects(running, reason);
});

const REAL: Readonly<Record<string, readonly [string, string, readonly number[]][]>> = {
  'digits.npz': [
    ['x', 'uint8', [1797, 64]],
    ['labels', 'int64', [1797]],
  ],
  'mail.npz': [
    ['input_ids', 'int64', [1500, 64]],
    ['attention_mask', 'int64', [1500, 64]],
    ['labels', 'int64', [1500]],
  ],
  'speech-windows.npz': [
    ['input', 'float32', [600, 576]],
    ['state', 'float32', [600, 2, 1, 128]],
    ['sr', 'int64', [600]],
  ],
};
for (const [name, expected] of Object.entries(REAL)) {
  const path = `../shared/data/${name}`;
  test(`${name} is what numpy says it is`, { skip: existsSync(path) ? false : `${path} is not here` }, async () => {
    const { arrays } = await inspectDataset(path, never());
    assert.deepEqual(
      arrays.map((array) => [array.name, array.dtype, array.shape]),
      expected,
    );
    assert.ok(arrays.every((array) => array.first_non_finite === null));
  });
}
