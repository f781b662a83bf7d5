import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Database } from '../schema.js';
import * as objects from './0001-objects.js';
import * as jobs from './0002-jobs.js';

/** In the order of their names; a migration that was released is never edited, the next one mends it. */
const MIGRATIONS = { '0001-objects': objects, '0002-jobs': jobs };

/**
 * Brings the schema up to date, in one transaction and under an advisory lock, so that any number of processes may start at
 * once. Throws the database's error, with the migration's name, and changes nothing then.
 */
export async function migrate(database: Kysely<Database>): Promise<void> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => MIGRATIONS } });
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    const failed = results?.find((result) => result.status === 'Error')?.migrationName;
    throw new Error(`The database schema could not be brought up to date${failed ? ` (migration ${failed})` : ''}.`, {
      cause: error,
    });
  }
}
