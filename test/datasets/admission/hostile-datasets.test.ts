import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanDataset } from '../../../src/datasets/admission/scan-dataset.js';
import { type ErrorCode, ServiceError } from '../../../src/platform/errors.js';
import { float32, npy, patched, zip } from '../npz-writer.js';
import { fileOf, golden, never } from '../scratch.js';

type Bytes = Uint8Array | Promise<Uint8Array>;
interface Hostile {
  readonly code: ErrorCode;
  readonly bytes: () => Bytes;
  readonly says?: RegExp;
}

const pair = npy('<f4', [2], float32(1, 2));
const npz = (files: Record<string, Uint8Array> = { 'x.npy': pair }) => zip(files);
const header = (text: string, data = float32(1, 2)) => npy('', [], data, text);
const file = (name: string) => () => readFileSync(golden(name));
const cut = (bytes: Uint8Array, by: number) => bytes.subarray(0, bytes.length - by);

const HOSTILE: Readonly<Record<string, Hostile>> = {
  // What it is
  'an empty file': { code: 'not_a_dataset', bytes: () => new Uint8Array(0) },
  'a table of comma-separated values': { code: 'not_a_dataset', bytes: () => Buffer.from('a,b\n1,2\n') },
  'a pickle': { code: 'unsafe_dataset', bytes: () => Uint8Array.of(0x80, 4, 0x95, 1, 0, 0) },
  'objects in an npz, pickled': { code: 'unsafe_dataset', bytes: file('pickled.npz'), says: /"x" holds pickled/ },
  'objects in an npy, pickled': { code: 'unsafe_dataset', bytes: file('pickled.npy') },
  'a pickle inside the archive': { code: 'unsafe_dataset', bytes: () => npz({ 'data.pkl': pair }) },
  'an archive of other files': { code: 'not_a_dataset', bytes: () => npz({ 'x.txt': pair }), says: /x\.txt/ },
  'an archive of nothing': { code: 'not_a_dataset', bytes: () => npz({}) },
  // Element types and shapes
  records: { code: 'unsupported_dtype', bytes: file('records.npy') },
  texts: { code: 'unsupported_dtype', bytes: file('text.npy'), says: /<U2/ },
  'complex numbers': { code: 'unsupported_dtype', bytes: file('complex.npy') },
  'big-endian numbers': { code: 'unsupported_dtype', bytes: file('big-endian.npy'), says: /big-endian/ },
  'Fortran order': { code: 'unsupported_dtype', bytes: file('fortran.npy'), says: /Fortran/ },
  'a scalar': { code: 'inconsistent_dataset', bytes: file('scalar.npy') },
  'arrays of different lengths': { code: 'inconsistent_dataset', bytes: file('lengths.npz'), says: /3 samples.* 4/ },
  'no samples': { code: 'dataset_too_small', bytes: file('empty.npz') },
  'very many samples of nothing': {
    code: 'dataset_limit_exceeded',
    bytes: () => npy('<f4', [2 ** 40, 0], new Uint8Array(0)),
    says: /1099511627776 samples/,
  },
  // Headers that lie
  'too little data': { code: 'corrupt_dataset', bytes: () => cut(pair, 1), says: /need 8 bytes, it holds 7/ },
  'too much data': { code: 'corrupt_dataset', bytes: () => Buffer.concat([pair, Buffer.alloc(1)]) },
  'a header cut off': { code: 'corrupt_dataset', bytes: () => pair.subarray(0, 40), says: /inside its header/ },
  'version 9': { code: 'corrupt_dataset', bytes: () => Buffer.from(pair).fill(9, 6, 7) },
  'a header of 2 GiB': {
    code: 'dataset_limit_exceeded',
    bytes: () => Buffer.concat([pair.subarray(0, 6), Buffer.from([2, 0, 0, 0, 0, 0x80]), pair]),
  },
  'code in the header': { code: 'corrupt_dataset', bytes: () => header("__import__('os').system('id')") },
  'a key too many': {
    code: 'corrupt_dataset',
    bytes: () => header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}"),
  },
  'a key twice': { code: 'corrupt_dataset', bytes: () => header("{'shape': (2,), 'descr': '<f4', 'shape': (2,)}") },
  'no shape': { code: 'corrupt_dataset', bytes: () => header("{'descr': '<f4', 'fortran_order': False}") },
  'a negative size': {
    code: 'corrupt_dataset',
    bytes: () => header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}"),
  },
  'sizes of 2^50': {
    code: 'dataset_limit_exceeded',
    bytes: () => header(`{'descr': '<f4', 'fortran_order': False, 'shape': (${2 ** 50}, ${2 ** 50})}`),
  },
  'rank 17': {
    code: 'dataset_limit_exceeded',
    bytes: () => header(`{'descr': '<f4', 'fortran_order': False, 'shape': (${'1, '.repeat(17)})}`),
  },
  'words after the dictionary': {
    code: 'corrupt_dataset',
    bytes: () => header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} or 1"),
  },
  // Archives
  'a zip bomb': {
    code: 'dataset_limit_exceeded',
    bytes: () => npz({ 'x.npy': npy('|u1', [2 ** 25], new Uint8Array(2 ** 25)) }),
    says: /times its size; the limit is 200/,
  },
  'a declared terabyte': {
    code: 'dataset_limit_exceeded',
    bytes: async () =>
      patched(await zip({ 'x.npy': pair }, { forceZip64Format: true }), 0, (entry) => {
        // The zip64 extra field has id 1 and 24 bytes; its first value is the unpacked size.
        entry.writeBigUInt64LE(2n ** 40n, entry.indexOf(Uint8Array.of(1, 0, 24, 0)) + 4);
      }),
  },
  'an unpacked size that lies': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz(), 0, (entry) => entry.writeUInt32LE(pair.length - 4, 24)),
  },
  'a checksum that lies': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz(), 0, (entry) => entry.writeUInt32LE(1, 16)),
    says: /checksum/,
  },
  'an encrypted entry': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz(), 0, (entry) => entry.writeUInt16LE(1, 8)),
    says: /encrypted/,
  },
  'an unknown compression': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz(), 0, (entry) => entry.writeUInt16LE(14, 10)),
  },
  'two arrays of one name': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz({ 'x.npy': pair, 'y.npy': pair }), 1, (entry) => entry.write('x', 46)),
    says: /same name/,
  },
  'overlapping entries': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz({ 'x.npy': pair, 'y.npy': pair }), 1, (entry) => entry.writeUInt32LE(0, 42)),
    says: /overlap/,
  },
  'an entry outside of the file': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz(), 0, (entry) => entry.writeUInt32LE(10_000, 42)),
  },
  'a name with a folder': { code: 'not_a_dataset', bytes: () => npz({ 'a/x.npy': pair }) },
  'a name that climbs': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz({ 'aaax.npy': pair }), 0, (entry) => entry.write('../x', 46)),
  },
  'an absolute name': {
    code: 'corrupt_dataset',
    bytes: async () => patched(await npz({ 'ax.npy': pair }), 0, (entry) => entry.write('/x', 46)),
  },
  'a name of 300 characters': { code: 'not_a_dataset', bytes: () => npz({ [`${'x'.repeat(300)}.npy`]: pair }) },
  '65 arrays': {
    code: 'dataset_limit_exceeded',
    bytes: () => npz(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x${i}.npy`, pair]))),
    says: /65 entries; the limit is 64/,
  },
  'an archive cut off': { code: 'corrupt_dataset', bytes: async () => cut(await npz(), 30) },
  'an archive without its middle': {
    code: 'corrupt_dataset',
    bytes: async () => {
      const whole = await npz();
      return Buffer.concat([whole.subarray(0, 60), whole.subarray(90)]);
    },
  },
};

for (const [name, { code, bytes, says }] of Object.entries(HOSTILE))
  test(`${name}: ${code}`, async () => {
    const path = fileOf(await bytes());
    await assert.rejects(scanDataset(path, never()), (error: unknown) => {
      if (!(error instanceof ServiceError)) throw error;
      assert.equal(error.code, code, error.detail);
      if (says) assert.match(error.detail, says);
      return true;
    });
  });

test('an archive cut off or damaged anywhere is refused or read, in our words', async () => {
  const whole = await npz({ 'x.npy': pair, 'labels.npy': npy('<i8', [2], new Uint8Array(16)) });
  const refused = async (bytes: Uint8Array) => {
    await scanDataset(fileOf(bytes), never()).catch((error: unknown) => {
      if (!(error instanceof ServiceError)) throw error;
    });
  };
  for (let length = 0; length < whole.length; length += 7)
    await assert.rejects(scanDataset(fileOf(whole.subarray(0, length)), never()), ServiceError);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, to) => {
      const copy = Buffer.from(whole);
      copy[at] = to;
      await refused(copy);
    }),
    { seed: 1, numRuns: 300 },
  );
});
