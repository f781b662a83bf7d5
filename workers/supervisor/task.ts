import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SearchPlan } from '../../src/contracts/search-plan.js';
import { ServiceError } from '../../src/platform/errors.js';
import type { BlobStore } from '../../src/storage/blobs/blob-store.js';
import type { Queries } from '../../src/storage/database.js';
import { artifactsOfJob, getArtifact } from '../../src/storage/records/artifacts.js';
import { getDataset } from '../../src/storage/records/datasets.js';
import { getModel } from '../../src/storage/records/models.js';
import type { ArtifactRow, JobRow, ModelRow } from '../../src/storage/schema.js';
import { EngineTask, type ModelFiles, TASK_FILE } from '../protocol.js';
import type { Supervision } from './supervision.js';

/** The model that a client uploaded, as files named by their content. */
async function uploaded(blobs: BlobStore, row: ModelRow): Promise<ModelFiles> {
  const external = row.external_files.map(async ({ location, bytes, sha256 }) => ({
    location,
    bytes,
    path: await blobs.localFile(sha256),
  }));
  return {
    path: await blobs.localFile(row.sha256),
    bytes: row.model_bytes,
    sha256: row.sha256,
    external: await Promise.all(external),
  };
}

/** The model that a step gave. */
async function staged(blobs: BlobStore, artifacts: readonly ArtifactRow[]): Promise<ModelFiles> {
  const model = artifacts.find(({ role }) => role === 'stage');
  if (!model) throw new Error('A step left no model.');
  const external = artifacts.flatMap(({ location, bytes, sha256 }) =>
    location === null ? [] : [{ location, bytes, sha256 }],
  );
  const files = external.map(async ({ location, bytes, sha256 }) => ({
    location,
    bytes,
    path: await blobs.localFile(sha256),
  }));
  return {
    path: await blobs.localFile(model.sha256),
    bytes: model.bytes,
    sha256: model.sha256,
    external: await Promise.all(files),
  };
}

/** The models that the steps before this one gave, in their order. */
async function modelsBefore(blobs: BlobStore, queries: Queries, job: JobRow): Promise<readonly ModelFiles[]> {
  const artifacts = await artifactsOfJob(queries, job.tenant, job.id);
  const ofStep = (number: number) => artifacts.filter(({ step }) => step === number);
  return Promise.all(Array.from({ length: job.step }, (_, number) => staged(blobs, ofStep(number))));
}

async function studentOf(blobs: BlobStore, queries: Queries, job: JobRow): Promise<ModelFiles | null> {
  const step = job.spec.steps[job.step];
  if (step?.type !== 'distill' || !('model' in step.student)) return null;
  return uploaded(blobs, await getModel(queries, job.tenant, step.student.model));
}

async function datasetOf(blobs: BlobStore, queries: Queries, job: JobRow): Promise<EngineTask['dataset']> {
  if (job.dataset_id === null) return null;
  const { sha256, manifest, inspection } = await getDataset(queries, job.tenant, job.dataset_id);
  return { path: await blobs.localFile(sha256), sha256, manifest, inspection };
}

/** The plan that the current step is to carry out again. @throws ServiceError not_found when its job was deleted meanwhile; invalid_request */
async function planOf(blobs: BlobStore, queries: Queries, job: JobRow): Promise<SearchPlan | null> {
  const step = job.spec.steps[job.step];
  const artifact = step?.type === 'quantize' ? step.plan : undefined;
  if (artifact === undefined) return null;
  const { sha256 } = await getArtifact(queries, job.tenant, artifact);
  const plan = SearchPlan.safeParse(JSON.parse(await readFile(await blobs.localFile(sha256), 'utf8')));
  if (plan.success) return plan.data;
  throw new ServiceError('invalid_request', 'The plan is of another version of the service. Search again.');
}

/** All that an engine may know of the job's current step, from the records. Paths are those of blobs, never a client's words. */
export async function describeTask(supervision: Supervision, job: JobRow): Promise<EngineTask> {
  const { blobs, jobs, engineThreads, engineMemoryMb, logLevel } = supervision;
  const { queries } = jobs.database;
  const model = await getModel(queries, job.tenant, job.spec.model);
  const original = await uploaded(blobs, model);
  const before = await modelsBefore(blobs, queries, job);
  return EngineTask.parse({
    job: job.id,
    attempt: job.attempt,
    request_id: job.request_id,
    spec: job.spec,
    step: job.spec.steps.length === 0 ? -1 : job.step,
    last: job.step === job.steps.length - 1,
    original,
    input: before.at(-1) ?? original,
    inspection: model.inspection,
    student: await studentOf(blobs, queries, job),
    dataset: await datasetOf(blobs, queries, job),
    plan: await planOf(blobs, queries, job),
    stages: [...job.stages],
    before: [...before],
    threads: engineThreads,
    memory_bytes: engineMemoryMb * 1024 * 1024,
    seconds_left: job.spec.timeout_seconds - job.engine_seconds,
    log_level: logLevel,
  } satisfies EngineTask);
}

/** Bytes that the task's inputs have on disk or unpacked: what the engine's own files are measured against. */
export function inputBytes(task: EngineTask): number {
  const files = [task.original, task.input, ...(task.student ? [task.student] : [])].flatMap((model) => [
    model,
    ...model.external,
  ]);
  const arrays = task.dataset?.inspection.arrays ?? [];
  return [...files, ...arrays].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Leaves the task where the engine looks for it. */
export function writeTask(scratch: string, task: EngineTask): Promise<void> {
  return writeFile(join(scratch, TASK_FILE), JSON.stringify(task));
}
