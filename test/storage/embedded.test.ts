import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '../../src/platform/logger.js';
import { openDatabase } from '../../src/storage/database.js';
import { Maintenance } from '../../src/storage/embedded/maintenance.js';
import { EmbeddedPool } from '../../src/storage/embedded/pool.js';
import { EmbeddedSession } from '../../src/storage/embedded/session.js';
import { makeDataFolder, type TestDataFolder } from '../harness/data-folder.js';

const silent = createLogger('modelpress', 'silent');
const MEBIBYTE = 2 ** 20;

describe('embedded database: one session for many clients', () => {
  let folder: TestDataFolder;
  let pool: EmbeddedPool;
  before(async () => {
    folder = await makeDataFolder();
    pool = new EmbeddedPool(await EmbeddedSession.open(join(folder.path, 'db')), silent, 50);
    await pool.query('CREATE TABLE items (id int PRIMARY KEY)');
  });
  after(() => folder.remove());
  const ids = async () =>
    (await pool.query<{ id: number }>('SELECT id FROM items ORDER BY id')).rows.map((row) => row.id);

  it('rolls back a transaction that idles, and serves the others', async () => {
    const idler = await pool.connect();
    await idler.query('BEGIN');
    await idler.query('INSERT INTO items VALUES (1)');
    // Waits for the lock until the idler is cut off.
    assert.deepEqual(await ids(), []);
    await assert.rejects(idler.query('COMMIT'), { code: '25P03' });
    idler.release();
    assert.deepEqual(await ids(), []);
  });

  it('rolls back what a released client left open', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO items VALUES (2)');
    client.release();
    assert.deepEqual(await ids(), []);
    await assert.rejects(client.query('SELECT 1'), /released/);
  });

  it("keeps a client's statements in order, also around BEGIN and COMMIT", async () => {
    const client = await pool.connect();
    const statements = ['BEGIN', 'INSERT INTO items VALUES (3)', 'COMMIT', 'BEGIN', 'DELETE FROM items', 'ROLLBACK'];
    await Promise.all(statements.map((statement) => client.query(statement)));
    client.release();
    assert.deepEqual(await ids(), [3]);
  });

  it('frees the session after a failed statement, inside and outside a transaction', async () => {
    const client = await pool.connect();
    await assert.rejects(client.query('SELECT nonsense'), { code: '42703' });
    await client.query('BEGIN');
    await assert.rejects(client.query('SELECT nonsense'), { code: '42703' });
    await assert.rejects(client.query('SELECT 1'), { code: '25P02' });
    await client.query('ROLLBACK');
    assert.deepEqual(await ids(), [3]);
    client.release();
  });

  it('syncs the log to the disk at every commit', async (test) => {
    const sync = test.mock.method(fs, 'fdatasyncSync');
    syncBuiltinESMExports();
    for (let i = 0; i < 20; i++) await pool.query('UPDATE items SET id = id + 0');
    sync.mock.restore();
    syncBuiltinESMExports();
    assert.ok(sync.mock.callCount() >= 20, `${sync.mock.callCount()} syncs for 20 commits`);
  });

  it('lets timers and sockets have their turns while statements queue up', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await Promise.all(Array.from({ length: 100 }, () => pool.query('SELECT 1')));
    clearInterval(timer);
    assert.ok(turns > 1, `${turns} turns`);
  });

  it('bounds the write-ahead log and vacuums dead rows', async () => {
    const limits = { checkpointAfterWalBytes: 8 * MEBIBYTE, checkpointAfterMs: 1e9, vacuumAfterDeadRows: 1000 };
    const maintenance = new Maintenance(pool, silent, limits);
    await pool.query('INSERT INTO items SELECT generate_series(100, 3100)');
    await pool.query('DELETE FROM items WHERE id >= 100');
    for (let written = 0; written < 96; written++) {
      await pool.query(`SELECT pg_logical_emit_message(true, 'test', repeat('x', $1))`, [MEBIBYTE]);
      if (written % 4 === 0) await maintenance.inspect();
    }
    const log = join(folder.path, 'db', 'pg_wal');
    const sizes = await Promise.all((await readdir(log)).map(async (name) => (await stat(join(log, name))).size));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(total <= 64 * MEBIBYTE, `${total / MEBIBYTE} MiB of log after 96 MiB were written`);
    const { rows } = await pool.query<{ vacuumed: boolean }>(
      `SELECT vacuum_count > 0 AS vacuumed FROM pg_stat_user_tables WHERE relname = 'items'`,
    );
    assert.deepEqual(rows, [{ vacuumed: true }]);
  });

  it('ends after the statements before it, and refuses those after it', async () => {
    const client = await pool.connect();
    const last = pool.query('SELECT 1 AS one');
    // A statement takes its place in the queue a microtask after the call.
    await Promise.resolve();
    const ended = pool.end();
    const late = assert.rejects(pool.query('SELECT 1'), { code: '57P01' });
    assert.deepEqual((await last).rows, [{ one: 1 }]);
    await ended;
    await late;
    await assert.rejects(client.query('BEGIN'), { code: '57P01' });
    client.release();
  });
});

describe('embedded database: processes that die', () => {
  let folder: TestDataFolder;
  before(async () => {
    folder = await makeDataFolder();
  });
  after(() => folder.remove());

  const startWriter = (first: number): ChildProcess =>
    spawn(process.execPath, [join('dist', 'test', 'storage', 'acknowledging-writer.js'), folder.path, String(first)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  it('loses no acknowledged row to SIGKILL, and one process at a time may open the folder', async () => {
    const acknowledged: number[] = [];
    for (const rows of [7, 60, 150]) {
      const writer = startWriter((acknowledged.at(-1) ?? 0) + 1000);
      assert.ok(writer.stdout);
      let seen = 0;
      for await (const line of createInterface(writer.stdout)) {
        acknowledged.push(Number(line));
        if (++seen !== rows) continue;
        // In the midst of a write, most likely; what it still acknowledges is read below.
        if (rows === 60) await assert.rejects(openInTest(), new RegExp(`Another process \\(${writer.pid}\\) is using`));
        writer.kill('SIGKILL');
      }
      if (writer.signalCode === null) await once(writer, 'exit');
      assert.equal(writer.signalCode, 'SIGKILL');
    }
    const database = await openInTest();
    try {
      const { rows } = await database.pool.query<{ number: number }>('SELECT number FROM acknowledged');
      const present = new Set(rows.map((row) => row.number));
      assert.deepEqual(
        acknowledged.filter((number) => !present.has(number)),
        [],
      );
      assert.ok(acknowledged.length >= 217);
    } finally {
      await database.close();
    }
  });

  const openInTest = () => openDatabase({ databaseUrl: undefined, dataDir: folder.path }, silent);
});
