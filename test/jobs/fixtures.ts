import { DatasetId, ModelId } from '../../src/contracts/ids.js';
import { JobSpec } from '../../src/contracts/job-spec.js';
import type { ModelInspection } from '../../src/contracts/model.js';
import type { StageReport } from '../../src/contracts/report.js';
import { acceptJob } from '../../src/jobs/accept-job.js';
import { announceJob } from '../../src/jobs/announce-job.js';
import type { JobsContext } from '../../src/jobs/context.js';
import { insertModel } from '../../src/storage/records/models.js';
import type { JobRow } from '../../src/storage/schema.js';
import { type Tenant, tenant } from '../../src/storage/tenant.js';

export const ALICE = tenant('alice');
export const BOB = tenant('bob');

const INSPECTION: ModelInspection = {
  ir_version: 8,
  producer: 'test',
  opsets: { '': 13 },
  inputs: [],
  outputs: [],
  operators: {},
  nodes: 0,
  parameters: 0,
  weight_bytes: 0,
  external_data: [],
};

export const STAGE: StageReport = {
  type: 'quantize',
  scheme: 'int8_dynamic',
  seconds: 1,
  peak_memory_bytes: 1,
  bytes: 10,
  sha256: 'a'.repeat(64),
  notes: [],
};

/** The id of a model that jobs of this tenant may use. */
export async function aModel(context: JobsContext, owner: Tenant = ALICE): Promise<ModelId> {
  const model = { name: 'm', sha256: 'b'.repeat(64), modelBytes: 1, externalFiles: [], inspection: INSPECTION };
  const { row } = await insertModel(context.database.queries, owner, model);
  return ModelId.parse(row.id);
}

/** A spec with defaults, of one quantize step unless told otherwise. */
export function aSpec(model: string, rest: Record<string, unknown> = {}): JobSpec {
  return JobSpec.parse({ model, steps: [{ type: 'quantize', scheme: 'int8_dynamic' }], ...rest });
}

export const absentDataset = DatasetId.parse(`dst_${'0'.repeat(26)}`);

/** A job as the api makes it: accepted in a transaction, announced after it. */
export async function aJob(context: JobsContext, spec: JobSpec, owner: Tenant = ALICE): Promise<JobRow> {
  const job = await context.database.transaction((trx) =>
    acceptJob(trx, { tenant: owner, spec, requestId: 'req_test' }),
  );
  await announceJob(context, job);
  return job;
}
