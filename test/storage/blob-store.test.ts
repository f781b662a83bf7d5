import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ServiceError } from '../../src/platform/errors.js';
import { SWEEP_GRACE } from '../../src/storage/blobs/blob-store.js';
import { FileBlobStore } from '../../src/storage/blobs/file-blob-store.js';

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected;
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');
const LIMIT = 2 ** 20;
const HOUR_MS = 3_600_000;
const ABSENT = '0'.repeat(64);

describe('blob store of files', () => {
  let base: string;
  let root: string;
  let store: FileBlobStore;
  before(async () => {
    base = await mkdtemp(join(tmpdir(), 'modelpress-blobs-'));
  });
  after(() => rm(base, { recursive: true, force: true }));
  beforeEach(async () => {
    root = await mkdtemp(join(base, 'store-'));
    store = await FileBlobStore.open(root);
  });
  const temporaryFiles = () => readdir(join(root, 'incoming'));
  const receive = (content: Uint8Array) => store.receive(Readable.from([content]), { limit: LIMIT });
  const put = async (content: Uint8Array) => (await receive(content)).keep();
  const age = (name: string, ms: number) =>
    utimes(join(root, name.slice(0, 2), name.slice(2, 4), name), new Date(Date.now() - ms), new Date(Date.now() - ms));

  for (const [kind, chunks] of Object.entries({
    empty: [],
    'one byte': [Buffer.from([1])],
    'many chunks': Array.from({ length: 50 }, () => randomBytes(1000)),
    'exactly the limit': [Buffer.alloc(LIMIT)],
  })) {
    it(`takes a stream and gives it back: ${kind}`, async () => {
      const content = Buffer.concat(chunks);
      const received = await store.receive(Readable.from(chunks), { limit: LIMIT });
      const expected = { sha256: sha256(content), bytes: content.length };
      assert.deepEqual({ sha256: received.sha256, bytes: received.bytes }, expected);
      assert.deepEqual(await readFile(received.path), content);
      assert.equal(await store.stat(received.sha256), null);
      assert.deepEqual(await received.keep(), expected);
      await received.discard();
      assert.deepEqual(await store.stat(expected.sha256), expected);
      assert.deepEqual(await buffer(await store.open(expected.sha256)), content);
      assert.deepEqual(await readFile(await store.localFile(expected.sha256)), content);
      assert.deepEqual(await temporaryFiles(), []);
    });
  }

  it('reads a span of a content, both ends included', async () => {
    const content = randomBytes(200_000);
    const { sha256: name } = await put(content);
    for (const [start, end] of [
      [0, 0],
      [70_000, 150_000],
      [199_999, 199_999],
    ] as const) {
      assert.deepEqual(await buffer(await store.open(name, { start, end })), content.subarray(start, end + 1));
    }
  });

  it('keeps equal contents once', async () => {
    const names = await Promise.all(Array.from({ length: 5 }, () => put(Buffer.from('same'))));
    assert.equal(new Set(names.map((blob) => blob.sha256)).size, 1);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    assert.equal(entries.filter((entry) => entry.isFile()).length, 1);
  });

  const endless = async function* () {
    for (;;) yield Buffer.alloc(65_536);
  };
  const broken = async function* () {
    yield Buffer.alloc(10);
    throw new Error('the sender went away');
  };
  const full = async function* () {
    yield Buffer.alloc(10);
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };
  for (const [kind, content, expected] of [
    ['is too large', endless, code('payload_too_large')],
    ['breaks off', broken, /the sender went away/],
    ['meets a full disk', full, code('no_space')],
  ] as const) {
    it(`leaves nothing behind of a stream that ${kind}`, async () => {
      await assert.rejects(store.receive(content(), { limit: LIMIT }), expected);
      assert.deepEqual(await temporaryFiles(), []);
    });
  }

  it('has its file before it asks for the first byte, so that none appears after a stream that breaks off at once', async () => {
    let files: string[] = [];
    const breaking = async function* () {
      files = readdirSync(join(root, 'incoming'));
      if (files.length > 0) throw new Error('the sender went away');
      yield Buffer.alloc(1);
    };
    await assert.rejects(store.receive(breaking(), { limit: LIMIT }), /the sender went away/);
    assert.equal(files.length, 1);
    assert.deepEqual(await temporaryFiles(), []);
  });

  it('discards what was received', async () => {
    const received = await receive(Buffer.from('refused by the scan'));
    await received.discard();
    assert.deepEqual(await temporaryFiles(), []);
    assert.equal(await store.stat(received.sha256), null);
  });

  it('adopts a file, which is gone from its place then', async () => {
    const scratch = join(base, 'scratch.onnx');
    const content = randomBytes(100_000);
    await writeFile(scratch, content);
    assert.deepEqual(await store.adopt(scratch), { sha256: sha256(content), bytes: content.length });
    await assert.rejects(readFile(scratch), { code: 'ENOENT' });
    assert.deepEqual(await readFile(await store.localFile(sha256(content))), content);
    assert.deepEqual(await temporaryFiles(), []);
  });

  it('does not know a content that it does not have', async () => {
    assert.equal(await store.stat(ABSENT), null);
    await assert.rejects(store.open(ABSENT), code('not_found'));
    await assert.rejects(store.localFile(ABSENT), code('not_found'));
  });

  for (const name of ['../../etc/passwd', `../${'a'.repeat(61)}`, 'A'.repeat(64), '', 'a'.repeat(65)]) {
    it(`takes nothing but a digest for a name: ${JSON.stringify(name.slice(0, 20))}`, async () => {
      await assert.rejects(store.open(name), /named by its SHA-256/);
      await assert.rejects(store.localFile(name), /named by its SHA-256/);
    });
  }

  it('sweeps what is old and unreferenced, and abandoned temporary files, and nothing else', async () => {
    const [referenced, young, old] = [
      await put(Buffer.from('referenced')),
      await put(Buffer.from('young')),
      await put(Buffer.from('old')),
    ];
    await age(referenced.sha256, 30 * HOUR_MS);
    await age(old.sha256, 30 * HOUR_MS);
    const abandoned = await receive(Buffer.from('abandoned'));
    await utimes(abandoned.path, new Date(0), new Date(0));
    const underWay = await receive(Buffer.from('under way'));
    const report = await store.sweep(new Set([referenced.sha256]), { now: Date.now(), ...SWEEP_GRACE });
    assert.deepEqual(report, { blobs: 1, bytes: 3, temporaryFiles: 1 });
    assert.equal(await store.stat(old.sha256), null);
    assert.ok(await store.stat(referenced.sha256));
    assert.ok(await store.stat(young.sha256));
    await underWay.keep();
  });

  it('keeps a blob from the sweep that is stored again or adopted', async () => {
    const { sha256: name } = await put(Buffer.from('again'));
    await age(name, 30 * HOUR_MS);
    await put(Buffer.from('again'));
    const scratch = join(base, 'old-scratch');
    await writeFile(scratch, 'made long ago');
    await utimes(scratch, new Date(0), new Date(0));
    await store.adopt(scratch);
    const report = await store.sweep(new Set(), { now: Date.now(), ...SWEEP_GRACE });
    assert.equal(report.blobs, 0);
  });

  it('takes leftovers of a process that was killed for temporary files only', async () => {
    await mkdir(join(root, 'ab', 'cd'), { recursive: true });
    await writeFile(join(root, 'incoming', 'half'), 'hal');
    const reopened = await FileBlobStore.open(root);
    await reopened.sweep(new Set(), { now: Date.now() + 2 * HOUR_MS, ...SWEEP_GRACE });
    assert.deepEqual(await temporaryFiles(), []);
  });
});
