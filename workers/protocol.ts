import { z } from 'zod';
import { DatasetInspection, DatasetManifest } from '../src/contracts/dataset.js';
import { ARTIFACT_ROLES, Progress } from '../src/contracts/job.js';
import { JobSpec } from '../src/contracts/job-spec.js';
import { ModelInspection } from '../src/contracts/model.js';
import { JobError } from '../src/contracts/problem.js';
import { Report, StageReport } from '../src/contracts/report.js';
import { SearchPlan } from '../src/contracts/search-plan.js';

/** Names in the scratch folder of an attempt. */
export const TASK_FILE = 'task.json';
export const RESULT_FILE = 'result.json';

/** A model on disk: the ONNX file and, by the location that it names, its external data files. */
export const ModelFiles = z.object({
  path: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  external: z.array(z.object({ location: z.string(), path: z.string(), bytes: z.int() })),
});
export type ModelFiles = z.infer<typeof ModelFiles>;

/** What the supervisor writes to the scratch folder as task.json: all that an engine may know. */
export const EngineTask = z.object({
  job: z.string(),
  attempt: z.int(),
  request_id: z.string(),
  spec: JobSpec,
  /** Index into spec.steps; -1 when the job only evaluates. */
  step: z.int().min(-1),
  /** Whether this is the job's last step: then the result is evaluated and the report written. */
  last: z.boolean(),
  original: ModelFiles,
  /** The model before this step: the original for the first. */
  input: ModelFiles,
  inspection: ModelInspection,
  /** The uploaded student of a distill step; null for a template or another step. */
  student: ModelFiles.nullable(),
  dataset: z
    .object({ path: z.string(), sha256: z.string(), manifest: DatasetManifest, inspection: DatasetInspection })
    .nullable(),
  /** What an earlier search decided, when the step says to do that again. */
  plan: SearchPlan.nullable(),
  /** Reports of the steps before this one. */
  stages: z.array(StageReport),
  /** The models that those steps left; the last of them is the input. */
  before: z.array(ModelFiles),
  threads: z.int().min(1),
  /** What the engine may use. */
  memory_bytes: z.number(),
  /** Of timeout_seconds, what earlier engines of the job have left. */
  seconds_left: z.number(),
  log_level: z.string(),
});
export type EngineTask = z.infer<typeof EngineTask>;

/** A name without a folder: nothing that a path could be made of. */
const PlainName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/);

/** A file that an engine left in its scratch folder; the names are plain and our own. */
export const ResultFile = z.object({
  file: PlainName,
  name: PlainName,
  role: z.enum(ARTIFACT_ROLES),
  /** External data: the location by which the model file names it. */
  location: z.string().max(4096).optional(),
});
export type ResultFile = z.infer<typeof ResultFile>;
export const EngineResult = z.object({
  files: z.array(ResultFile),
  stage: StageReport,
  report: Report.nullable(),
  /** A terminal error that still keeps report and files: requirements_not_met. */
  error: JobError.nullable(),
});
export type EngineResult = z.infer<typeof EngineResult>;

/** Longest line of the message pipe, in bytes: the supervisor's memory is not for an engine to fill. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

/** Engine to supervisor: one JSON line each on file descriptor 3. The watchdog thread writes one byte per second to descriptor 4. */
export const EngineMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), progress: Progress }),
  z.object({
    type: z.literal('log'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()),
  }),
  /** Asks for the machine alone, for timing; answered by {type: 'exclusive_granted'}. */
  z.object({ type: z.literal('exclusive_request') }),
  z.object({ type: z.literal('exclusive_release') }),
  z.object({ type: z.literal('failed'), error: JobError }),
  /** The result manifest lies in result.json. */
  z.object({ type: z.literal('finished') }),
]);
export type EngineMessage = z.infer<typeof EngineMessage>;

/** Supervisor to engine: one JSON line each on standard input. */
export const SupervisorMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('exclusive_granted') }),
  z.object({ type: z.literal('abort'), reason: z.enum(['cancelled', 'timeout', 'shutdown']) }),
]);
export type SupervisorMessage = z.infer<typeof SupervisorMessage>;

/** What was measured on calibration samples, among the checkpoints of a step. */
export const CALIBRATION_RUN = 'calibration';

/** Name in the scratch folder of the checkpoint of a training run, which outlives the attempt. */
export const checkpointFile = (step: number, run: string): string => `checkpoint-${step}-${run}.bin`;
