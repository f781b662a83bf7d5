import { z } from 'zod';
import { ArtifactId, JobId, Sha256, Timestamp } from './ids.js';
import { JobSpec } from './job-spec.js';
import { JobError } from './problem.js';
import { ReportSummary, Verdict } from './report.js';

export const JOB_STATUSES = ['queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled'] as const;
export const JobStatus = z.enum(JOB_STATUSES);
export type JobStatus = z.infer<typeof JobStatus>;
export const TERMINAL_STATUSES = ['succeeded', 'failed', 'cancelled'] as const satisfies readonly JobStatus[];

export const STEP_STATUSES = ['pending', 'queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export const Progress = z.object({
  phase: z.string(),
  fraction: z.number().min(0).max(1),
  eta_seconds: z.number().nullable(),
  metrics: z.record(z.string(), z.number()),
});
export type Progress = z.infer<typeof Progress>;

export const StepState = z.object({
  type: z.enum(['quantize', 'distill', 'evaluate']),
  scheme: z.string().optional(),
  status: z.enum(STEP_STATUSES),
  attempt: z.int().meta({ description: 'Engine processes started for this step so far.' }),
  started_at: Timestamp.nullable(),
  finished_at: Timestamp.nullable(),
});
export type StepState = z.infer<typeof StepState>;

export const Job = z
  .object({
    object: z.literal('job'),
    id: JobId,
    status: JobStatus,
    done: z.boolean(),
    steps: z.array(StepState),
    progress: Progress.nullable(),
    spec: JobSpec,
    metadata: z.record(z.string(), z.string()),
    created_at: Timestamp,
    started_at: Timestamp.nullable(),
    finished_at: Timestamp.nullable(),
    queue_position: z.int().nullable().meta({ description: 'Jobs before this one in its queue, while queued.' }),
    retried_from: JobId.nullable(),
    request_id: z.string(),
    error: JobError.nullable(),
    verdict: Verdict.nullable(),
    report_summary: ReportSummary.nullable(),
    result: z.object({ artifact: ArtifactId, bytes: z.int(), sha256: Sha256, url: z.string() }).nullable(),
    urls: z.object({
      self: z.string(),
      events: z.string(),
      cancel: z.string(),
      report: z.string(),
      artifacts: z.string(),
    }),
  })
  .meta({ id: 'Job' });
export type Job = z.infer<typeof Job>;

export const EVENT_TYPES = [
  'job.queued',
  'job.started',
  'job.progress',
  'job.retrying',
  'job.step_finished',
  'job.cancelling',
  'job.succeeded',
  'job.failed',
  'job.cancelled',
] as const;
export const JobEvent = z
  .object({
    object: z.literal('event'),
    id: z.int().min(1).meta({ description: 'Counted per job without gaps: Last-Event-ID replays exactly.' }),
    job: JobId,
    type: z.enum(EVENT_TYPES),
    at: Timestamp,
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'JobEvent' });
export type JobEvent = z.infer<typeof JobEvent>;

export const ARTIFACT_ROLES = [
  'model',
  'external_data',
  'stage',
  'candidate',
  'plan',
  'certificate',
  'checkpoint',
  'log',
] as const;
export const ArtifactRole = z.enum(ARTIFACT_ROLES);
export type ArtifactRole = z.infer<typeof ArtifactRole>;
export const Artifact = z
  .object({
    object: z.literal('artifact'),
    id: ArtifactId,
    job: JobId,
    name: z.string(),
    role: ArtifactRole,
    bytes: z.int(),
    sha256: Sha256,
    created_at: Timestamp,
    urls: z.object({ content: z.string() }),
  })
  .meta({ id: 'Artifact' });
export type Artifact = z.infer<typeof Artifact>;
