/**
 * A process for the kill tests: opens the embedded database in the folder it is given and inserts rows one by one, for ever. It writes
 * a row's number to standard output once the insert has been acknowledged. Ends by being killed.
 */
import { createLogger } from '../../src/platform/logger.js';
import { openDatabase } from '../../src/storage/database.js';

const dataDir = process.argv[2] ?? '';
const first = Number(process.argv[3]);
const { pool } = await openDatabase({ databaseUrl: undefined, dataDir }, createLogger('modelpress', 'silent'));
await pool.query('CREATE TABLE IF NOT EXISTS acknowledged (number int PRIMARY KEY, filler text)');
for (let number = first; ; number++) {
  await pool.query('INSERT INTO acknowledged VALUES ($1, repeat($2, 500))', [number, 'x']);
  // Synchronous on a pipe: what was written survives the kill.
  process.stdout.write(`${number}\n`);
}
