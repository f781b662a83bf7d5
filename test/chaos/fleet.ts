import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { skipWithoutPostgres, startPostgres } from '../harness/postgres.js';
import { skipWithoutRedis, startRedis } from '../harness/redis.js';
import { freePort } from '../harness/server-process.js';
import { temporaryFolder } from '../workers/service.js';
import { HttpClient } from './http-client.js';
import { ServiceProcess } from './service-process.js';

/** All processes of one running Modelpress, on servers and in a folder of its own. */
export interface Fleet {
  readonly client: HttpClient;
  readonly dataDir: string;
  /** Everything that may be killed and started again. */
  readonly processes: readonly ServiceProcess[];
  /** Ends the processes gracefully. */
  end(): Promise<void>;
  /** Removes what is left of it. */
  remove(): Promise<void>;
}

async function openFleet(
  kinds: readonly ServiceProcess['kind'][],
  servers: NodeJS.ProcessEnv,
  stopServers: () => Promise<void>,
): Promise<Fleet> {
  const root = await temporaryFolder();
  const dataDir = join(root, 'data');
  await mkdir(dataDir);
  const PORT = String(await freePort());
  const environment = { DATA_DIR: dataDir, PORT, ENGINE_THREADS: '1', ...servers };
  const processes = kinds.map((kind) => new ServiceProcess(kind, environment));
  const client = new HttpClient(`http://127.0.0.1:${PORT}`);
  for (const process of processes) process.start();
  await client.ready();
  return {
    client,
    dataDir,
    processes,
    end: async () => void (await Promise.all(processes.map((process) => process.end('SIGTERM')))),
    remove: async () => {
      await Promise.all(processes.map((process) => process.end('SIGKILL')));
      await stopServers();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** The two ways to run: one process on the database's queue, and several on Redis and PostgreSQL. */
export const FLEETS: readonly { name: string; skip: string | false; open: () => Promise<Fleet> }[] = [
  {
    name: 'one process, the queue on its embedded database',
    skip: false,
    open: () => openFleet(['embedded'], { WORKER_CONCURRENCY: '2' }, async () => {}),
  },
  {
    name: 'an api and two workers, the queue on Redis',
    skip: skipWithoutRedis || skipWithoutPostgres,
    open: async () => {
      const [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
      const servers = { REDIS_URL: redis.url, DATABASE_URL: await postgres.createDatabase() };
      return openFleet(['api', 'worker', 'worker'], servers, async () => {
        await Promise.all([redis.stop(), postgres.stop()]);
      });
    },
  },
];
