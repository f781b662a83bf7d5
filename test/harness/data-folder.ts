import { existsSync } from 'node:fs';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EmbeddedSession } from '../../src/storage/embedded/session.js';

/** An empty embedded database, made once per build: initdb takes seconds, a copy does not. */
const TEMPLATE = resolve('dist', 'test-database-template');

export interface TestDataFolder {
  /** For DATA_DIR: `db` in it is a new, empty embedded database. */
  readonly path: string;
  remove(): Promise<void>;
}

/** A data folder of its own for a test, in the system's temporary folder. */
export async function makeDataFolder(): Promise<TestDataFolder> {
  if (!existsSync(TEMPLATE)) await makeTemplate();
  const path = await mkdtemp(join(tmpdir(), 'modelpress-data-'));
  await cp(TEMPLATE, join(path, 'db'), { recursive: true });
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Test files run at the same time: whoever is first puts its template in place, whole. */
async function makeTemplate(): Promise<void> {
  const folder = await mkdtemp(`${TEMPLATE}-`);
  const session = await EmbeddedSession.open(join(folder, 'db'));
  await session.close();
  await rename(join(folder, 'db'), TEMPLATE).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  await rm(folder, { recursive: true });
}
