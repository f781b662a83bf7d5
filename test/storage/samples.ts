import type { JobStatus } from '../../src/contracts/job.js';
import type { JobSpec } from '../../src/contracts/job-spec.js';
import type { ModelInspection } from '../../src/contracts/model.js';
import { newId } from '../../src/platform/ids.js';
import type { Queries } from '../../src/storage/database.js';
import type { NewDataset } from '../../src/storage/records/datasets.js';
import type { NewModel } from '../../src/storage/records/models.js';
import { json } from '../../src/storage/schema.js';
import type { Tenant } from '../../src/storage/tenant.js';

/** 64 hexadecimal characters that differ with the text. */
export const digest = (text: string): string => Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64);

export const INSPECTION: ModelInspection = {
  ir_version: 8,
  producer: 'test',
  opsets: { '': 17 },
  inputs: [],
  outputs: [],
  operators: { MatMul: 1 },
  nodes: 1,
  parameters: 4,
  weight_bytes: 16,
  external_data: [],
};

export const newModel = (name: string): NewModel => ({
  name,
  sha256: digest(name),
  modelBytes: 100,
  externalFiles: [
    { location: 'b.bin', bytes: 20, sha256: digest(`${name} b`) },
    { location: 'a.bin', bytes: 10, sha256: digest(`${name} a`) },
  ],
  inspection: INSPECTION,
});

export const newDataset = (name: string): NewDataset => ({
  name,
  sha256: digest(name),
  bytes: 50,
  manifest: { arrays: { x: { scale: 1, offset: 0, layout: 'as_is' } } },
  inspection: { format: 'npz', samples: 3, arrays: [] },
});

/** The record of a job, as little of it as the database demands. */
export async function insertJob(
  queries: Queries,
  tenant: Tenant,
  fields: { status: JobStatus; model: string; dataset?: string },
): Promise<string> {
  const id = newId('job');
  await queries
    .insertInto('jobs')
    .values({
      id,
      tenant,
      status: fields.status,
      spec: json({ model: fields.model } as unknown as JobSpec),
      spec_hash: digest(id),
      model_id: fields.model,
      dataset_id: fields.dataset ?? null,
      steps: json([]),
      request_id: 'req_test',
      created_at: new Date(),
    })
    .execute();
  return id;
}
