import { type Kysely, sql } from 'kysely';

/** What clients upload and hold: models, datasets, keys. Ids compare as bytes (COLLATE "C"), so they sort by creation time. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE models (
      id text COLLATE "C" PRIMARY KEY,
      tenant text NOT NULL,
      name text NOT NULL,
      identity text NOT NULL,
      sha256 text NOT NULL,
      model_bytes bigint NOT NULL,
      bytes bigint NOT NULL,
      external_files jsonb NOT NULL,
      inspection jsonb NOT NULL,
      created_at timestamptz NOT NULL,
      UNIQUE (tenant, identity)
    )`.execute(database);
  await sql`CREATE INDEX models_newest ON models (tenant, id DESC)`.execute(database);
  await sql`
    CREATE TABLE datasets (
      id text COLLATE "C" PRIMARY KEY,
      tenant text NOT NULL,
      name text NOT NULL,
      identity text NOT NULL,
      sha256 text NOT NULL,
      bytes bigint NOT NULL,
      manifest jsonb NOT NULL,
      inspection jsonb NOT NULL,
      created_at timestamptz NOT NULL,
      UNIQUE (tenant, identity)
    )`.execute(database);
  await sql`CREATE INDEX datasets_newest ON datasets (tenant, id DESC)`.execute(database);
  await sql`
    CREATE TABLE api_keys (
      id text COLLATE "C" PRIMARY KEY,
      tenant text NOT NULL,
      name text NOT NULL,
      scopes jsonb NOT NULL,
      secret_hash text NOT NULL UNIQUE,
      created_at timestamptz NOT NULL
    )`.execute(database);
  await sql`
    CREATE TABLE idempotency_keys (
      tenant text NOT NULL,
      scope text NOT NULL,
      key text NOT NULL,
      request_hash text NOT NULL,
      response jsonb NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (tenant, scope, key)
    )`.execute(database);
  await sql`CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)`.execute(database);
}
