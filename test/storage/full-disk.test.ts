import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import { ServiceError } from '../../src/platform/errors.js';
import { createLogger } from '../../src/platform/logger.js';
import { FileBlobStore } from '../../src/storage/blobs/file-blob-store.js';
import { openDatabase } from '../../src/storage/database.js';
import { insertModel, listModels } from '../../src/storage/records/models.js';
import { LOCAL_TENANT } from '../../src/storage/tenant.js';
import { mountSmallDisk } from '../harness/small-disk.js';
import { newModel } from './samples.js';

const isFull = (error: unknown) => error instanceof ServiceError && error.code === 'no_space';

it('the embedded database reads on a full disk, refuses writes, and recovers', async (test) => {
  const disk = mountSmallDisk(256);
  if (!disk) return test.skip('needs the right to mount a small file system');
  test.after(() => disk.remove());
  const config = { databaseUrl: undefined, dataDir: join(disk.path, 'data') };
  const database = await openDatabase(config, createLogger('modelpress', 'silent'));
  const insert = (name: string) => insertModel(database.queries, LOCAL_TENANT, newModel(name));
  const list = async () =>
    (await listModels(database.queries, LOCAL_TENANT, { limit: 10 })).rows.map((row) => row.name);
  await insert('before');
  disk.fill();
  // Log without table: what drives a PostgreSQL without a reserve into a panic.
  const reserve = `${config.dataDir}/db.reserve`;
  while (existsSync(reserve)) {
    await database.pool.query(`SELECT pg_logical_emit_message(true, 'test', repeat('x', 1000000))`);
  }
  await assert.rejects(insert('refused'), isFull);
  await assert.rejects(
    database.transaction((trx) => insertModel(trx, LOCAL_TENANT, newModel('refused'))),
    isFull,
  );
  assert.deepEqual(await list(), ['before']);
  disk.drain();
  await insert('after');
  assert.ok(existsSync(reserve));
  assert.deepEqual((await list()).sort(), ['after', 'before']);
  await database.close();
});

it('a blob that meets a full disk leaves nothing behind, and the store recovers', async (test) => {
  const disk = mountSmallDisk(8);
  if (!disk) return test.skip('needs the right to mount a small file system');
  test.after(() => disk.remove());
  const store = await FileBlobStore.open(join(disk.path, 'blobs'));
  const content = () => Readable.from(Array.from({ length: 5 }, () => Buffer.alloc(2 ** 20)));
  disk.fill();
  await assert.rejects(store.receive(content(), { limit: 2 ** 30 }), isFull);
  assert.deepEqual(await readdir(join(disk.path, 'blobs', 'incoming')), []);
  disk.drain();
  const received = await store.receive(content(), { limit: 2 ** 30 });
  await received.keep();
  assert.deepEqual(await store.stat(received.sha256), { sha256: received.sha256, bytes: 5 * 2 ** 20 });
});
