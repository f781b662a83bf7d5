import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findProgram, freePort, ServerProcess } from './server-process.js';

export interface TestPostgres {
  readonly url: string;
  /** A new, empty database on this server: its URL. */
  createDatabase(): Promise<string>;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the server again on the same port and data. */
  start(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const DEBIAN_ROOT = '/usr/lib/postgresql';
const folder = findBinaries();
const identity = findIdentity();

/** For node:test's `skip` option: false, or why suites that need PostgreSQL cannot run here. */
export const skipWithoutPostgres: string | false = !folder
  ? 'no PostgreSQL server is installed'
  : !identity
    ? 'PostgreSQL refuses to run as root and there is no user postgres'
    : false;

/** Starts a PostgreSQL server with its own data in a temporary folder, on a free port. */
export async function startPostgres(): Promise<TestPostgres> {
  if (!folder || !identity) throw new Error(String(skipWithoutPostgres));
  const root = await mkdtemp(join(tmpdir(), 'modelpress-postgres-'));
  if (identity.uid !== undefined && identity.gid !== undefined) await chown(root, identity.uid, identity.gid);
  const data = join(root, 'data');
  const initdb = spawnSync(
    join(folder, 'initdb'),
    ['-D', data, '-U', 'modelpress', '--auth=trust', '-E', 'UTF8', '--no-sync'],
    { encoding: 'utf8', cwd: root, ...identity },
  );
  if (initdb.status !== 0) throw new Error(`initdb failed:\n${initdb.stdout}${initdb.stderr}`);
  const port = await freePort();
  const server = new ServerProcess(
    join(folder, 'postgres'),
    ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-k', root],
    port,
    identity,
  );
  await server.start();
  const urlOf = (database: string) => `postgres://modelpress@127.0.0.1:${port}/${database}`;
  await whenReady(urlOf('postgres'));
  let databases = 0;
  return {
    url: urlOf('postgres'),
    createDatabase: async () => {
      const name = `test_${++databases}`;
      await execute(urlOf('postgres'), `CREATE DATABASE ${name}`);
      return urlOf(name);
    },
    kill: (signal) => server.kill(signal),
    start: async () => {
      await server.start();
      await whenReady(urlOf('postgres'));
    },
    stop: async () => {
      await server.kill('SIGQUIT');
      await rm(root, { recursive: true, force: true });
    },
  };
}

function findBinaries(): string | null {
  const onPath = findProgram('postgres');
  if (onPath) return join(onPath, '..');
  if (!existsSync(DEBIAN_ROOT)) return null;
  const versions = readdirSync(DEBIAN_ROOT).sort((a, b) => Number(b) - Number(a));
  return (
    versions.map((version) => join(DEBIAN_ROOT, version, 'bin')).find((path) => existsSync(join(path, 'postgres'))) ??
    null
  );
}

/** The user to run as: ourselves, or `postgres` when we are root; null when there is none. */
function findIdentity(): { uid?: number; gid?: number } | null {
  if (process.getuid?.() !== 0) return {};
  const numberOf = (option: string): number | null => {
    const id = spawnSync('id', [option, 'postgres'], { encoding: 'utf8' });
    return id.status === 0 ? Number(id.stdout) : null;
  };
  const uid = numberOf('-u');
  const gid = numberOf('-g');
  return uid === null || gid === null ? null : { uid, gid };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The port answers before recovery is over; a query tells. */
async function whenReady(url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await execute(url, 'SELECT 1');
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
