import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ServiceError } from '../../src/platform/errors.js';
import { createLogger } from '../../src/platform/logger.js';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.js';
import { insertModel, listModels } from '../../src/storage/records/models.js';
import { LOCAL_TENANT } from '../../src/storage/tenant.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from '../harness/postgres.js';
import { newModel } from './samples.js';

const isAway = (error: unknown) =>
  error instanceof ServiceError && error.code === 'unavailable' && error.entry.status === 503;

describe('a PostgreSQL server that goes away', { skip: skipWithoutPostgres }, () => {
  let server: TestPostgres;
  let database: OpenDatabase;
  before(async () => {
    server = await startPostgres();
    const databaseUrl = await server.createDatabase();
    database = await openDatabase({ databaseUrl, dataDir: '' }, createLogger('modelpress', 'silent'));
  });
  after(async () => {
    await database.close();
    await server.stop();
  });
  const insert = (name: string) => insertModel(database.queries, LOCAL_TENANT, newModel(name));
  const list = () => listModels(database.queries, LOCAL_TENANT, { limit: 10 });

  for (const signal of ['SIGKILL', 'SIGQUIT', 'SIGINT'] as const) {
    it(`is unavailable after ${signal}, then back without a restart of ours, with every acknowledged row`, async () => {
      const { row } = await insert(signal);
      await server.kill(signal);
      await assert.rejects(list(), isAway);
      await assert.rejects(insert('lost'), isAway);
      await assert.rejects(
        database.transaction(async (trx) => insertModel(trx, LOCAL_TENANT, newModel('lost'))),
        isAway,
      );
      await server.start();
      const { rows } = await list();
      assert.equal(rows[0]?.id, row.id);
    });
  }

  it('breaks a transaction that it was in', async () => {
    const broken = database.transaction(async (trx) => {
      await insertModel(trx, LOCAL_TENANT, newModel('half'));
      await server.kill();
      await insertModel(trx, LOCAL_TENANT, newModel('other half'));
    });
    await assert.rejects(broken, isAway);
    await server.start();
    assert.ok((await list()).rows.every((row) => !row.name.includes('half')));
  });

  it('cannot be opened while it is away', async () => {
    await server.kill();
    const config = { databaseUrl: server.url, dataDir: '' };
    await assert.rejects(openDatabase(config, createLogger('modelpress', 'silent')), /schema|cannot be reached/);
    await server.start();
  });
});
