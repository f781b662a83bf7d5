import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, freePort, ServerProcess } from './server-process.js';

export interface TestRedis {
  readonly url: string;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the server again on the same port and data. */
  start(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const program = findProgram('redis-server');
/** For node:test's `skip` option: false, or why suites that need Redis cannot run here. */
export const skipWithoutRedis: string | false = program ? false : 'redis-server is not installed';

/** Starts a Redis that appends every command to disk before it answers, and never evicts, as the product demands. */
export async function startRedis(): Promise<TestRedis> {
  if (!program) throw new Error('redis-server is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'modelpress-redis-'));
  const port = await freePort();
  const server = new ServerProcess(
    program,
    // One option and its values each.
    [
      ['--port', String(port)],
      ['--bind', '127.0.0.1'],
      ['--dir', folder],
      ['--appendonly', 'yes'],
      ['--appendfsync', 'always'],
      ['--maxmemory-policy', 'noeviction'],
      ['--save', ''],
    ].flat(),
    port,
  );
  await server.start();
  return {
    url: `redis://127.0.0.1:${port}`,
    kill: (signal) => server.kill(signal),
    start: () => server.start(),
    stop: async () => {
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
