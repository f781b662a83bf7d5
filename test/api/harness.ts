import { readdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import supertest from 'supertest';
import { type AppOptions, buildApp } from '../../src/api/app.js';
import type { App } from '../../src/api/app-type.js';
import { readConfig } from '../../src/platform/config.js';
import { createLogger } from '../../src/platform/logger.js';
import { openServices, type Services } from '../../src/services.js';
import { makeDataFolder } from '../harness/data-folder.js';
import { assertContract } from './contract.js';

export interface TestApi {
  readonly app: App;
  readonly services: Services;
  readonly url: string;
  /** Requests whose every answer is checked against openapi.yaml; with `key` as that key. */
  agent(key?: string): supertest.Agent;
  /** Files that uploads have left behind. */
  temporaryFiles(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

type Options = Partial<Omit<AppOptions, 'services' | 'config' | 'logger'>> & {
  readonly adminKey?: string;
  readonly environment?: NodeJS.ProcessEnv;
};

/** Tests share their machine with each other: how long the event loop waits for its turn says nothing about the service. */
const BUSY_MACHINE_MS = 60_000;

/** The api, listening on a free port of this machine, over real services in a temporary folder. */
export async function startApi({ adminKey, environment = {}, ...options }: Options = {}): Promise<TestApi> {
  const folder = await makeDataFolder();
  const dataDir = folder.path;
  const config = readConfig({
    DATA_DIR: dataDir,
    ...(adminKey === undefined ? {} : { ADMIN_KEY: adminKey }),
    ...environment,
  });
  const logger = createLogger('api', process.env.TEST_LOG_LEVEL ?? 'silent');
  const services = await openServices(config, logger);
  const app = await buildApp({ services, config, logger, maxEventLoopDelayMs: BUSY_MACHINE_MS, ...options });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return {
    app,
    services,
    url,
    agent: (key) => withContract(supertest.agent(url), key),
    temporaryFiles: () => readdir(join(dataDir, 'blobs', 'incoming')),
    async stop() {
      await app.close();
      await services.close();
      await folder.remove();
    },
  };
}

function withContract(agent: supertest.Agent, key: string | undefined): supertest.Agent {
  if (key !== undefined) agent.set('authorization', `Bearer ${key}`);
  agent.use((request: unknown) => {
    const test = request as supertest.Test;
    test.expect((response) => {
      const { method, url } = test as unknown as { method: string; url: string };
      const { pathname, search } = new URL(url);
      assertContract({
        method,
        url: pathname + search,
        status: response.status,
        type: response.type,
        body: response.body,
      });
    });
  });
  return agent;
}

/** Keeps an answer's body as bytes. */
export function asBytes(response: supertest.Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => done(null, Buffer.concat(chunks)));
}
