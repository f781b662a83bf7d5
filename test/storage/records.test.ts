import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { JOB_STATUSES, TERMINAL_STATUSES } from '../../src/contracts/job.js';
import { ServiceError } from '../../src/platform/errors.js';
import type { OpenDatabase, Trx } from '../../src/storage/database.js';
import * as keys from '../../src/storage/records/api-keys.js';
import * as artifacts from '../../src/storage/records/artifacts.js';
import { referencedBlobs } from '../../src/storage/records/blob-references.js';
import * as datasets from '../../src/storage/records/datasets.js';
import * as models from '../../src/storage/records/models.js';
import { tenant } from '../../src/storage/tenant.js';
import { DATABASES, type TestDatabase } from './databases.js';
import { digest, insertJob, newDataset, newModel } from './samples.js';

const code = (expected: string) => (error: unknown) => error instanceof ServiceError && error.code === expected;
const ALICE = tenant('alice');
const MALLORY = tenant('mallory');

for (const { name, skip, open } of DATABASES) {
  describe(`records: ${name}`, { skip }, () => {
    let test: TestDatabase;
    let database: OpenDatabase;
    before(async () => {
      test = await open();
      database = test.database;
    });
    after(() => test.stop());
    beforeEach(() => database.pool.query('TRUNCATE models, datasets, jobs, api_keys CASCADE'));

    it('stores a model once per tenant, whatever the order of its external files', async () => {
      const first = await models.insertModel(database.queries, ALICE, newModel('m'));
      const reordered = { ...newModel('m'), name: 'again', externalFiles: newModel('m').externalFiles.toReversed() };
      const again = await models.insertModel(database.queries, ALICE, reordered);
      const foreign = await models.insertModel(database.queries, MALLORY, newModel('m'));
      assert.deepEqual([first.deduplicated, again.deduplicated, foreign.deduplicated], [false, true, false]);
      assert.deepEqual(again.row, first.row);
      assert.notEqual(foreign.row.id, first.row.id);
      assert.equal(first.row.bytes, 130);
      assert.deepEqual(await models.getModel(database.queries, ALICE, first.row.id), first.row);
    });

    it('tells models apart whose external files differ', async () => {
      const model = newModel('m');
      const other = { ...model, externalFiles: [{ location: 'a.bin', bytes: 10, sha256: digest('other') }] };
      const first = await models.insertModel(database.queries, ALICE, model);
      const second = await models.insertModel(database.queries, ALICE, other);
      assert.notEqual(second.row.id, first.row.id);
    });

    it('gives one model to ten uploads of it at once', async () => {
      const inserted = await Promise.all(
        Array.from({ length: 10 }, () => models.insertModel(database.queries, ALICE, newModel('m'))),
      );
      assert.equal(new Set(inserted.map(({ row }) => row.id)).size, 1);
      assert.equal(inserted.filter(({ deduplicated }) => !deduplicated).length, 1);
    });

    it("takes a dataset's bytes and canonical manifest for its identity", async () => {
      const dataset = {
        ...newDataset('d'),
        manifest: { arrays: {}, labels: 'y', splits: { evaluation: [0, 2] as [number, number] } },
      };
      const reordered = { ...dataset, manifest: { splits: dataset.manifest.splits, labels: 'y', arrays: {} } };
      const first = await datasets.insertDataset(database.queries, ALICE, dataset);
      const again = await datasets.insertDataset(database.queries, ALICE, reordered);
      const other = await datasets.insertDataset(database.queries, ALICE, { ...dataset, manifest: { arrays: {} } });
      assert.deepEqual(again, { row: first.row, deduplicated: true });
      assert.equal(other.deduplicated, false);
    });

    it('lists newest first, page by page, undisturbed by rows that come and go', async () => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i++)
        ids.unshift((await models.insertModel(database.queries, ALICE, newModel(`m${i}`))).row.id);
      await models.insertModel(database.queries, MALLORY, newModel('foreign'));
      // Ids of one millisecond are in random order; the list's order is theirs.
      ids.sort().reverse();
      const first = await models.listModels(database.queries, ALICE, { limit: 2 });
      assert.deepEqual(
        first.rows.map((row) => row.id),
        ids.slice(0, 2),
      );
      await models.insertModel(database.queries, ALICE, newModel('newer'));
      await database.transaction((trx) => models.deleteModel(trx, ALICE, ids[1] ?? ''));
      const second = await models.listModels(database.queries, ALICE, { limit: 2, after: first.nextCursor ?? '' });
      assert.deepEqual(
        second.rows.map((row) => row.id),
        ids.slice(2, 4),
      );
      const third = await models.listModels(database.queries, ALICE, { limit: 2, after: second.nextCursor ?? '' });
      assert.deepEqual([third.rows.map((row) => row.id), third.nextCursor], [ids.slice(4), null]);
    });

    it('gives another tenant nothing', async () => {
      const { row: model } = await models.insertModel(database.queries, ALICE, newModel('m'));
      const { row: dataset } = await datasets.insertDataset(database.queries, ALICE, newDataset('d'));
      const job = await insertJob(database.queries, ALICE, { status: 'succeeded', model: model.id });
      const [artifact] = await artifacts.insertArtifacts(database.queries, ALICE, [artifactOf(job, 'model')]);
      const { queries } = database;
      const inside = <T>(query: (trx: Trx) => Promise<T>) => database.transaction(query);
      const attempts: Record<string, () => Promise<unknown>> = {
        getModel: () => models.getModel(queries, MALLORY, model.id),
        holdModel: () => inside((trx) => models.holdModel(trx, MALLORY, model.id)),
        deleteModel: () => inside((trx) => models.deleteModel(trx, MALLORY, model.id)),
        getDataset: () => datasets.getDataset(queries, MALLORY, dataset.id),
        holdDataset: () => inside((trx) => datasets.holdDataset(trx, MALLORY, dataset.id)),
        deleteDataset: () => inside((trx) => datasets.deleteDataset(trx, MALLORY, dataset.id)),
        getArtifact: () => artifacts.getArtifact(queries, MALLORY, artifact?.id ?? ''),
      };
      for (const [attempt, run] of Object.entries(attempts)) await assert.rejects(run, code('not_found'), attempt);
      assert.deepEqual(await artifacts.artifactsOfJob(queries, MALLORY, job), []);
      assert.deepEqual((await models.listModels(queries, MALLORY, { limit: 10 })).rows, []);
      assert.deepEqual((await datasets.listDatasets(queries, MALLORY, { limit: 10 })).rows, []);
      assert.ok(await models.getModel(queries, ALICE, model.id));
    });

    for (const status of JOB_STATUSES) {
      const refused = !TERMINAL_STATUSES.some((terminal) => terminal === status);
      it(`${refused ? 'refuses' : 'allows'} to delete what a ${status} job uses`, async () => {
        const { row: model } = await models.insertModel(database.queries, ALICE, newModel('m'));
        const { row: dataset } = await datasets.insertDataset(database.queries, ALICE, newDataset('d'));
        await insertJob(database.queries, ALICE, { status, model: model.id, dataset: dataset.id });
        for (const remove of [
          () => database.transaction((trx) => models.deleteModel(trx, ALICE, model.id)),
          () => database.transaction((trx) => datasets.deleteDataset(trx, ALICE, dataset.id)),
        ]) {
          if (refused) await assert.rejects(remove, code('in_use'));
          else await remove();
        }
      });
    }

    it('never lets a job and the deletion of its model both happen', async () => {
      for (let round = 0; round < 10; round++) {
        const { row: model } = await models.insertModel(database.queries, ALICE, newModel(`raced ${round}`));
        const [job, deletion] = await Promise.allSettled([
          database.transaction(async (trx) => {
            await models.holdModel(trx, ALICE, model.id);
            await insertJob(trx, ALICE, { status: 'queued', model: model.id });
          }),
          database.transaction((trx) => models.deleteModel(trx, ALICE, model.id)),
        ]);
        assert.equal(Number(job.status === 'fulfilled') + Number(deletion.status === 'fulfilled'), 1);
      }
    });

    it('lists artifacts with the result first, in pages', async () => {
      const job = await insertJob(database.queries, ALICE, { status: 'succeeded', model: 'mdl' });
      await artifacts.insertArtifacts(database.queries, ALICE, [
        artifactOf(job, 'log'),
        artifactOf(job, 'stage'),
        artifactOf(job, 'model'),
        artifactOf(job, 'candidate', 'b'),
        artifactOf(job, 'candidate', 'a'),
      ]);
      const first = await artifacts.listArtifacts(database.queries, ALICE, job, { limit: 3 });
      const second = await artifacts.listArtifacts(database.queries, ALICE, job, {
        limit: 3,
        after: first.nextCursor ?? '',
      });
      assert.deepEqual(
        [...first.rows, ...second.rows].map((row) => `${row.role} ${row.name}`),
        ['model file', 'stage file', 'candidate a', 'candidate b', 'log file'],
      );
      assert.equal(second.nextCursor, null);
    });

    it('names every blob that a record needs, and no other', async () => {
      const { row: model } = await models.insertModel(database.queries, ALICE, newModel('m'));
      await datasets.insertDataset(database.queries, MALLORY, newDataset('d'));
      const job = await insertJob(database.queries, ALICE, { status: 'succeeded', model: model.id });
      await artifacts.insertArtifacts(database.queries, ALICE, [artifactOf(job, 'model')]);
      const expected = ['m', 'm a', 'm b', 'd', 'model file'].map(digest);
      assert.deepEqual([...(await referencedBlobs(database.queries))].sort(), expected.sort());
      await database.queries.deleteFrom('jobs').where('id', '=', job).execute();
      await database.transaction((trx) => models.deleteModel(trx, ALICE, model.id));
      assert.deepEqual([...(await referencedBlobs(database.queries))], [digest('d')]);
    });

    it('finds keys by their hash until they are deleted', async () => {
      assert.equal(await keys.anyApiKey(database.queries), false);
      const key = await keys.insertApiKey(database.queries, ALICE, {
        name: 'ci',
        scopes: ['read', 'write'],
        secretHash: digest('s'),
      });
      assert.equal(await keys.anyApiKey(database.queries), true);
      assert.deepEqual(await keys.findApiKeyByHash(database.queries, digest('s')), key);
      assert.equal(await keys.findApiKeyByHash(database.queries, digest('t')), undefined);
      assert.deepEqual((await keys.listApiKeys(database.queries, { limit: 10 })).rows, [key]);
      await keys.deleteApiKey(database.queries, key.id);
      await assert.rejects(keys.deleteApiKey(database.queries, key.id), code('not_found'));
      assert.equal(await keys.findApiKeyByHash(database.queries, digest('s')), undefined);
    });
  });
}

const artifactOf = (job: string, role: 'model' | 'stage' | 'candidate' | 'log', name = 'file') => ({
  job_id: job,
  step: 0,
  name,
  role,
  bytes: 7,
  sha256: digest(`${role} ${name}`),
});
