import type { ColumnType, Selectable } from 'kysely';
import type { DatasetInspection, DatasetManifest } from '../contracts/dataset.js';
import type { ArtifactRole, EVENT_TYPES, JobStatus, Progress, StepState } from '../contracts/job.js';
import type { JobSpec } from '../contracts/job-spec.js';
import type { Scope } from '../contracts/key.js';
import type { ModelInspection } from '../contracts/model.js';
import type { JobError } from '../contracts/problem.js';
import type { Report, ReportSummary, StageReport, Verdict } from '../contracts/report.js';
import type { Tenant } from './tenant.js';

/** A jsonb column: written as text (see `json`), read as a value. PostgreSQL and PGlite agree on no other form. */
type Json<T> = ColumnType<T, string, string>;
/** The text of a value for a jsonb column. */
export const json = (value: unknown): string => JSON.stringify(value);
/** `json`, or SQL null for null: a jsonb column never holds JSON's own null. */
export const jsonOrNull = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>;
type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;
type Defaulted<T> = ColumnType<T, T | undefined, T>;
/** A column that is written once. */
type Fixed<T> = ColumnType<T, T, never>;

/** External data of a model: the location by which the ONNX file names it, and the blob that holds it. */
export interface ExternalFile {
  readonly location: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface ModelsTable {
  id: Fixed<string>;
  tenant: Fixed<Tenant>;
  name: Fixed<string>;
  /** SHA-256 over the ONNX file's and the external files' digests: equal uploads of one tenant are one model. */
  identity: Fixed<string>;
  /** Of the ONNX file alone. */
  sha256: Fixed<string>;
  model_bytes: Fixed<number>;
  /** The ONNX file and its external files together. */
  bytes: Fixed<number>;
  external_files: Json<readonly ExternalFile[]>;
  inspection: Json<ModelInspection>;
  created_at: Fixed<Date>;
}

interface DatasetsTable {
  id: Fixed<string>;
  tenant: Fixed<Tenant>;
  name: Fixed<string>;
  /** SHA-256 over the file's digest and the canonical manifest. */
  identity: Fixed<string>;
  sha256: Fixed<string>;
  bytes: Fixed<number>;
  manifest: Json<DatasetManifest>;
  inspection: Json<DatasetInspection>;
  created_at: Fixed<Date>;
}

interface JobsTable {
  id: Fixed<string>;
  tenant: Fixed<Tenant>;
  status: JobStatus;
  spec: Json<JobSpec>;
  /** SHA-256 of the canonical spec: retries with an equal spec may reuse checkpoints. */
  spec_hash: Fixed<string>;
  model_id: Nullable<string>;
  dataset_id: Nullable<string>;
  steps: Json<readonly StepState[]>;
  /** Index into `steps` of the step that is owed or under way. */
  step: Defaulted<number>;
  /** The fencing token: counts every attempt of the job; only the newest attempt may publish. */
  attempt: Defaulted<number>;
  crashes: Defaulted<number>;
  losses: Defaulted<number>;
  cancel_requested_at: Nullable<Date>;
  lease_owner: Nullable<string>;
  lease_expires_at: Nullable<Date>;
  progress: NullableJson<Progress>;
  error: NullableJson<JobError>;
  verdict: Nullable<Verdict>;
  report: NullableJson<Report>;
  report_summary: NullableJson<ReportSummary>;
  /** Reports of the steps that have finished. */
  stages: ColumnType<readonly StageReport[], string | undefined, string>;
  /** Time that engines ran, over all attempts: what `timeout_seconds` bounds. */
  engine_seconds: Defaulted<number>;
  request_id: Fixed<string>;
  retried_from: Nullable<string>;
  created_at: Fixed<Date>;
  started_at: Nullable<Date>;
  finished_at: Nullable<Date>;
  /** Taken and raised under the row's lock, so that a job's event ids have no gaps. */
  next_event_id: Defaulted<number>;
}

interface JobEventsTable {
  job_id: Fixed<string>;
  id: Fixed<number>;
  type: (typeof EVENT_TYPES)[number];
  at: Fixed<Date>;
  data: Json<Record<string, unknown>>;
}

export interface ArtifactsTable {
  id: Fixed<string>;
  tenant: Fixed<Tenant>;
  job_id: Fixed<string>;
  /** Index of the step that made it. */
  step: Fixed<number>;
  name: Fixed<string>;
  role: Fixed<ArtifactRole>;
  /** External data: the location by which the model file names it. */
  location: Nullable<string>;
  bytes: Fixed<number>;
  sha256: Fixed<string>;
  created_at: Fixed<Date>;
}

interface ApiKeysTable {
  id: Fixed<string>;
  tenant: Fixed<Tenant>;
  name: Fixed<string>;
  scopes: Json<readonly Scope[]>;
  /** SHA-256 of the secret: it carries 256 random bits, so a fast hash is the right one. */
  secret_hash: Fixed<string>;
  created_at: Fixed<Date>;
}

interface IdempotencyKeysTable {
  tenant: Fixed<Tenant>;
  /** Method and route: one key may be used once on each. */
  scope: Fixed<string>;
  key: Fixed<string>;
  request_hash: Fixed<string>;
  response: Json<StoredResponse>;
  expires_at: Fixed<Date>;
}
/** An answer kept for replay. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** The tables, as Kysely knows them. */
export interface Database {
  models: ModelsTable;
  datasets: DatasetsTable;
  jobs: JobsTable;
  job_events: JobEventsTable;
  artifacts: ArtifactsTable;
  api_keys: ApiKeysTable;
  idempotency_keys: IdempotencyKeysTable;
}

export type ModelRow = Selectable<ModelsTable>;
export type DatasetRow = Selectable<DatasetsTable>;
export type JobRow = Selectable<JobsTable>;
export type JobEventRow = Selectable<JobEventsTable>;
export type ArtifactRow = Selectable<ArtifactsTable>;
export type ApiKeyRow = Selectable<ApiKeysTable>;
