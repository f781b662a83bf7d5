import { createLogger } from '../../src/platform/logger.js';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.js';
import { makeDataFolder } from '../harness/data-folder.js';
import { skipWithoutPostgres, startPostgres } from '../harness/postgres.js';

const silent = createLogger('modelpress', 'silent');

/** A database for one suite, and how to get rid of it. */
export interface TestDatabase {
  readonly database: OpenDatabase;
  stop(): Promise<void>;
}

/** An embedded database in a temporary folder. */
export async function openEmbeddedForTest(): Promise<TestDatabase> {
  const folder = await makeDataFolder();
  const database = await openDatabase({ databaseUrl: undefined, dataDir: folder.path }, silent);
  const stop = async (): Promise<void> => {
    await database.close();
    await folder.remove();
  };
  return { database, stop };
}

/** A database on a PostgreSQL server of its own. */
export async function openServerForTest(): Promise<TestDatabase> {
  const server = await startPostgres();
  const database = await openDatabase({ databaseUrl: await server.createDatabase(), dataDir: '' }, silent);
  const stop = async (): Promise<void> => {
    await database.close();
    await server.stop();
  };
  return { database, stop };
}

/** Every implementation that the conformance suites run on. */
export const DATABASES: readonly { name: string; skip: string | false; open: () => Promise<TestDatabase> }[] = [
  { name: 'embedded', skip: false, open: openEmbeddedForTest },
  { name: 'PostgreSQL server', skip: skipWithoutPostgres, open: openServerForTest },
];
