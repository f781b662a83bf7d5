import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { StartError } from './run-entry.js';

const url = z.url().optional();
const DEFAULT_ENGINE_MEMORY_MB = 4096;

/** Everything that can be set from outside, all optional. The engine gets what it needs as arguments, never from here. */
const Environment = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z
    .string()
    .default('./data')
    .transform((path) => resolve(path)),
  DATABASE_URL: url,
  REDIS_URL: url,
  WORKER_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(1),
  ENGINE_THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(() => Math.min(2, availableParallelism())),
  ENGINE_MEMORY_MB: z.coerce.number().int().min(256).default(DEFAULT_ENGINE_MEMORY_MB),
  ADMIN_KEY: z
    .string()
    .regex(
      /^[\x21-\x7e]{24,512}$/,
      'expected 24 to 512 printable ASCII characters without spaces, as a header carries them',
    )
    .optional(),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export interface Config {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  /** Steps of one queue that run at once in one worker process. */
  readonly workerConcurrency: number;
  readonly engineThreads: number;
  readonly engineMemoryMb: number;
  readonly adminKey: string | undefined;
  readonly logLevel: string;
}

/** Reads and validates the environment. Throws a StartError with one readable line per bad variable. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new StartError(`The configuration is not valid:\n${lines.join('\n')}`);
  }
  const env = parsed.data;
  return {
    port: env.PORT,
    host: env.HOST,
    dataDir: env.DATA_DIR,
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    workerConcurrency: env.WORKER_CONCURRENCY,
    engineThreads: env.ENGINE_THREADS,
    engineMemoryMb: env.ENGINE_MEMORY_MB,
    adminKey: env.ADMIN_KEY,
    logLevel: env.LOG_LEVEL,
  };
}
