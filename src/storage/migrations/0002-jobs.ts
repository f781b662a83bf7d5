import { type Kysely, sql } from 'kysely';

/**
 * Jobs, their events and artifacts. `model_id` and `dataset_id` are no foreign keys: a finished job may outlive what it used,
 * and an unfinished one protects it by the check in `deleteModel` and `deleteDataset`.
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE jobs (
      id text COLLATE "C" PRIMARY KEY,
      tenant text NOT NULL,
      status text NOT NULL CHECK (status IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
      spec jsonb NOT NULL,
      spec_hash text NOT NULL,
      model_id text COLLATE "C",
      dataset_id text COLLATE "C",
      steps jsonb NOT NULL,
      step integer NOT NULL DEFAULT 0,
      attempt integer NOT NULL DEFAULT 0,
      crashes integer NOT NULL DEFAULT 0,
      losses integer NOT NULL DEFAULT 0,
      cancel_requested_at timestamptz,
      lease_owner text,
      lease_expires_at timestamptz,
      progress jsonb,
      error jsonb,
      verdict text,
      report jsonb,
      report_summary jsonb,
      stages jsonb NOT NULL DEFAULT '[]',
      engine_seconds double precision NOT NULL DEFAULT 0,
      request_id text NOT NULL,
      retried_from text COLLATE "C",
      created_at timestamptz NOT NULL,
      started_at timestamptz,
      finished_at timestamptz,
      next_event_id integer NOT NULL DEFAULT 1
    )`.execute(database);
  await sql`CREATE INDEX jobs_newest ON jobs (tenant, id DESC)`.execute(database);
  await sql`CREATE INDEX jobs_by_model ON jobs (model_id, id DESC)`.execute(database);
  await sql`CREATE INDEX jobs_by_dataset ON jobs (dataset_id, id DESC)`.execute(database);
  // The reconciler, the quota and the queue position look at unfinished jobs only.
  await sql`
    CREATE INDEX jobs_unfinished ON jobs (status, id)
    WHERE status IN ('queued', 'running', 'cancelling')`.execute(database);
  await sql`
    CREATE TABLE job_events (
      job_id text COLLATE "C" NOT NULL REFERENCES jobs ON DELETE CASCADE,
      id integer NOT NULL,
      type text NOT NULL,
      at timestamptz NOT NULL,
      data jsonb NOT NULL,
      PRIMARY KEY (job_id, id)
    )`.execute(database);
  await sql`
    CREATE TABLE artifacts (
      id text COLLATE "C" PRIMARY KEY,
      tenant text NOT NULL,
      job_id text COLLATE "C" NOT NULL REFERENCES jobs ON DELETE CASCADE,
      step integer NOT NULL,
      name text NOT NULL,
      role text NOT NULL,
      location text,
      bytes bigint NOT NULL,
      sha256 text NOT NULL,
      created_at timestamptz NOT NULL
    )`.execute(database);
  await sql`CREATE INDEX artifacts_of_job ON artifacts (job_id, id)`.execute(database);
}
