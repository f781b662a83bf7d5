import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sql } from 'kysely';
import type { OpenDatabase } from '../../src/storage/database.js';
import { DATABASES, type TestDatabase } from './databases.js';

for (const { name, skip, open } of DATABASES) {
  describe(`database: ${name}`, { skip }, () => {
    let test: TestDatabase;
    let database: OpenDatabase;
    before(async () => {
      test = await open();
      database = test.database;
      await database.pool.query('CREATE TABLE counters (id int PRIMARY KEY, value int NOT NULL)');
    });
    after(() => test.stop());

    it('counts exactly under 300 concurrent transactions', async () => {
      await database.pool.query('INSERT INTO counters VALUES (1, 0)');
      await Promise.all(
        Array.from({ length: 300 }, () =>
          database.transaction(async (trx) => {
            const { rows } = await sql<{ value: number }>`SELECT value FROM counters WHERE id = 1 FOR UPDATE`.execute(
              trx,
            );
            await sql`UPDATE counters SET value = ${(rows[0]?.value ?? 0) + 1} WHERE id = 1`.execute(trx);
          }),
        ),
      );
      const { rows } = await database.pool.query<{ value: number }>('SELECT value FROM counters WHERE id = 1');
      assert.equal(rows[0]?.value, 300);
    });

    it('rolls back exactly what its transaction did, with strangers writing in between', async () => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 60 }, async (_, index) => {
          const id = 1000 + index;
          if (index % 2 === 0) return database.pool.query('INSERT INTO counters VALUES ($1, 0)', [id]);
          return database.transaction(async (trx) => {
            await sql`INSERT INTO counters VALUES (${id}, 0)`.execute(trx);
            throw new Error('planned');
          });
        }),
      );
      assert.equal(outcomes.filter((outcome) => outcome.status === 'rejected').length, 30);
      const { rows } = await database.pool.query<{ id: number }>(
        'SELECT id FROM counters WHERE id >= 1000 ORDER BY id',
      );
      assert.deepEqual(
        rows.map((row) => row.id),
        Array.from({ length: 30 }, (_, index) => 1000 + 2 * index),
      );
    });

    it('refuses the pool inside a transaction callback', async () => {
      await assert.rejects(
        database.transaction(async () => database.pool.query('SELECT 1')),
        /must use the transaction/,
      );
      await assert.rejects(
        database.transaction(async () => database.queries.selectFrom('models').selectAll().execute()),
        /must use the transaction/,
      );
      await assert.rejects(
        database.transaction(async () => database.transaction(async () => 1)),
        /must use the transaction/,
      );
      assert.equal((await database.pool.query('SELECT 1')).rowCount, 1);
    });

    it('delivers notifications to a listening client once they are committed', async () => {
      const client = await database.pool.connect();
      const heard: (string | undefined)[] = [];
      const last = new Promise<void>((resolve) => {
        client.on('notification', ({ channel, payload }) => {
          if (channel !== 'bell') return;
          heard.push(payload);
          if (payload === 'last') resolve();
        });
      });
      await client.query('LISTEN bell');
      await database
        .transaction(async (trx) => {
          await sql`SELECT pg_notify('bell', 'rolled back')`.execute(trx);
          throw new Error('planned');
        })
        .catch(() => undefined);
      await database.transaction(async (trx) => sql`SELECT pg_notify('bell', 'committed')`.execute(trx));
      await database.pool.query(`SELECT pg_notify('bell', 'last')`);
      await last;
      client.release(true);
      assert.deepEqual(heard, ['committed', 'last']);
    });

    it('reads values of every kind the same way', async () => {
      const { rows } = await database.pool.query<Record<string, unknown>>(
        `SELECT $1::bigint AS big, $2::timestamptz AS time, $3::jsonb AS document, $4::float8 AS number, $5::text AS nothing, $6::boolean AS flag`,
        [2 ** 40, new Date('2026-11-24T05:00:00.123Z'), JSON.stringify([{ a: 1 }]), 0.1, null, true],
      );
      assert.deepEqual(rows[0], {
        big: 2 ** 40,
        time: new Date('2026-11-24T05:00:00.123Z'),
        document: [{ a: 1 }],
        number: 0.1,
        nothing: null,
        flag: true,
      });
    });
  });
}
