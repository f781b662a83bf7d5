import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import { createLogger } from '../../src/platform/logger.js';
import { FileBlobStore } from '../../src/storage/blobs/file-blob-store.js';
import { openDatabase } from '../../src/storage/database.js';
import { Janitor } from '../../src/storage/janitor.js';
import { insertDataset } from '../../src/storage/records/datasets.js';
import { LOCAL_TENANT } from '../../src/storage/tenant.js';
import { makeDataFolder } from '../harness/data-folder.js';
import { newDataset } from './samples.js';

const LONG_AGO = new Date(0);
const TOMORROW = new Date(Date.now() + 86_400_000);

it('the janitor keeps what records need, and removes the rest and what dead processes left', async (test) => {
  const folder = await makeDataFolder();
  test.after(() => folder.remove());
  const silent = createLogger('modelpress', 'silent');
  const database = await openDatabase({ databaseUrl: undefined, dataDir: folder.path }, silent);
  const root = join(folder.path, 'blobs');
  const blobs = await FileBlobStore.open(root);
  const putLongAgo = async () => {
    const received = await blobs.receive(Readable.from([randomBytes(100)]), { limit: 1000 });
    await received.keep();
    await utimes(await blobs.localFile(received.sha256), LONG_AGO, LONG_AGO);
    return received.sha256;
  };
  const needed = await putLongAgo();
  const orphan = await putLongAgo();
  await insertDataset(database.queries, LOCAL_TENANT, { ...newDataset('d'), sha256: needed });
  await writeFile(join(root, 'incoming', 'half'), 'left by a process that was killed a moment ago');
  await writeFile(join(root, 'incoming', 'ahead'), 'left before the clock was set back');
  await utimes(join(root, 'incoming', 'ahead'), TOMORROW, TOMORROW);

  const janitor = new Janitor(database, blobs, silent);
  await janitor.start();
  await janitor.stop();
  await database.close();

  assert.ok(await blobs.stat(needed));
  assert.equal(await blobs.stat(orphan), null);
  assert.deepEqual(await readdir(join(root, 'incoming')), []);
});
