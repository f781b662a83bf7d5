import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ServiceError } from '../../src/platform/errors.js';
import type { OpenDatabase } from '../../src/storage/database.js';
import {
  deleteExpiredIdempotencyKeys,
  type IdempotentRequest,
  once,
} from '../../src/storage/records/idempotency-keys.js';
import { insertModel, listModels } from '../../src/storage/records/models.js';
import { tenant } from '../../src/storage/tenant.js';
import { DATABASES, type TestDatabase } from './databases.js';
import { newModel } from './samples.js';

const ALICE = tenant('alice');
const request = (key: string, fields: Partial<IdempotentRequest> = {}): IdempotentRequest => ({
  tenant: ALICE,
  scope: 'POST /v1/jobs',
  key,
  requestHash: 'a',
  ...fields,
});
const DAY_MS = 24 * 3_600_000;

for (const { name, skip, open } of DATABASES) {
  describe(`idempotency keys: ${name}`, { skip }, () => {
    let test: TestDatabase;
    let database: OpenDatabase;
    before(async () => {
      test = await open();
      database = test.database;
    });
    after(() => test.stop());
    const answer = (body: unknown) => async () => ({ status: 202, headers: { location: '/v1/jobs/1' }, body });

    it('gives the stored answer to an equal request, and runs the effect once', async () => {
      const first = await once(database, request('equal'), answer({ n: 1 }));
      const second = await once(database, request('equal'), answer({ n: 2 }));
      assert.deepEqual(first, { response: await answer({ n: 1 })(), replayed: false });
      assert.deepEqual(second, { response: first.response, replayed: true });
    });

    it('refuses another body, and keeps tenants and routes apart', async () => {
      await once(database, request('scoped'), answer(1));
      await assert.rejects(
        once(database, request('scoped', { requestHash: 'b' }), answer(2)),
        (error) => error instanceof ServiceError && error.code === 'idempotency_key_reused',
      );
      for (const fields of [{ tenant: tenant('bob') }, { scope: 'POST /v1/keys' }]) {
        assert.equal((await once(database, request('scoped', fields), answer(3))).replayed, false);
      }
    });

    it('stores nothing, and undoes the effect, when the effect fails', async () => {
      const failing = once(database, request('failing'), async (trx) => {
        await insertModel(trx, ALICE, newModel('failing'));
        throw new ServiceError('invalid_request', 'planned');
      });
      await assert.rejects(failing, /planned/);
      assert.deepEqual((await listModels(database.queries, ALICE, { limit: 10 })).rows, []);
      assert.equal((await once(database, request('failing'), answer(1))).replayed, false);
    });

    it('has one effect for ten equal requests at once; the others hear of it or that it is under way', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) =>
          once(database, request('raced'), async (trx) => {
            await insertModel(trx, tenant('raced'), newModel(`raced ${n}`));
            return { status: 201, headers: {}, body: n };
          }),
        ),
      );
      const fulfilled = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
      assert.equal(fulfilled.filter(({ replayed }) => !replayed).length, 1);
      assert.equal(new Set(fulfilled.map(({ response }) => response.body)).size, 1);
      assert.deepEqual(
        [...new Set(codes)].filter((code) => code !== 'idempotency_key_in_use'),
        [],
      );
      assert.equal((await listModels(database.queries, tenant('raced'), { limit: 100 })).rows.length, 1);
    });

    it('forgets a key after a day', async () => {
      await once(database, request('old'), answer(1));
      await deleteExpiredIdempotencyKeys(database.queries, new Date(Date.now() + DAY_MS - 60_000));
      assert.equal((await once(database, request('old'), answer(2))).replayed, true);
      await deleteExpiredIdempotencyKeys(database.queries, new Date(Date.now() + DAY_MS + 60_000));
      assert.equal((await once(database, request('old'), answer(3))).replayed, false);
    });
  });
}
