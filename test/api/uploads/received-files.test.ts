import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { ReceivedFiles } from '../../../src/api/uploads/received-files.js';
import { ServiceError } from '../../../src/platform/errors.js';
import { MAX_FORM_BYTES, MAX_UPLOAD_BYTES } from '../../../src/security/limits.js';
import type { BlobStore, ReceivedBlob } from '../../../src/storage/blobs/blob-store.js';

const limits: number[] = [];
const blobs = {
  async receive(_content: unknown, { limit }: { limit: number }) {
    limits.push(limit);
    return { discard: async () => {} } as ReceivedBlob;
  },
} as BlobStore;

const announcing = (bytes: number, form: boolean) =>
  ({
    bodySignal: null,
    headers: {
      'content-length': `${bytes}`,
      'content-type': form ? 'multipart/form-data; boundary=b' : 'application/octet-stream',
    },
  }) as FastifyRequest;
const open = (bytes: number, form: boolean) =>
  new ReceivedFiles(blobs, announcing(bytes, form), new AbortController().signal);

test('a form may announce more than one model file: weights lie in files beside it', () => {
  const tooLarge = (error: unknown) => error instanceof ServiceError && error.code === 'payload_too_large';
  open(MAX_UPLOAD_BYTES, false);
  assert.throws(() => open(MAX_UPLOAD_BYTES + 1, false), tooLarge);
  open(MAX_UPLOAD_BYTES + 1, true);
  open(MAX_FORM_BYTES, true);
  assert.throws(() => open(MAX_FORM_BYTES + 1, true), tooLarge);
});

test('one file is a model file, unless more is allowed', async () => {
  const files = open(1, true);
  await files.receive(Readable.from([]));
  await files.receive(Readable.from([]), MAX_FORM_BYTES);
  assert.deepEqual(limits, [MAX_UPLOAD_BYTES, MAX_FORM_BYTES]);
});
