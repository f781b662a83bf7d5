import { Job, type JobEvent } from '../../contracts/job.js';
import type { ListedJob } from '../../jobs/read-jobs.js';
import { isDone } from '../../jobs/state-machine.js';
import type { ArtifactRow, JobEventRow } from '../../storage/schema.js';

/** What a job's answer needs beside its record. */
export interface JobSurroundings {
  readonly result: ArtifactRow | null;
  readonly queuePosition: number | null;
}

/** A job's record as a client sees it. */
export function toJob(row: ListedJob, { result, queuePosition }: JobSurroundings): Job {
  const self = `/v1/jobs/${row.id}`;
  const time = (at: Date | null) => at?.toISOString() ?? null;
  return {
    object: 'job',
    id: Job.shape.id.parse(row.id),
    status: row.status,
    done: isDone(row.status),
    steps: [...row.steps],
    progress: row.progress,
    spec: row.spec,
    metadata: row.spec.metadata,
    created_at: row.created_at.toISOString(),
    started_at: time(row.started_at),
    finished_at: time(row.finished_at),
    queue_position: queuePosition,
    retried_from: row.retried_from === null ? null : Job.shape.id.parse(row.retried_from),
    request_id: row.request_id,
    error: row.error,
    verdict: row.verdict,
    report_summary: row.report_summary,
    result:
      result === null
        ? null
        : {
            artifact: Job.shape.result.unwrap().shape.artifact.parse(result.id),
            bytes: result.bytes,
            sha256: result.sha256,
            url: `/v1/artifacts/${result.id}/content`,
          },
    urls: {
      self,
      events: `${self}/events`,
      cancel: `${self}/cancel`,
      report: `${self}/report`,
      artifacts: `${self}/artifacts`,
    },
  };
}

/** An event's record as a client sees it. */
export function toEvent(row: JobEventRow): JobEvent {
  return {
    object: 'event',
    id: row.id,
    job: Job.shape.id.parse(row.job_id),
    type: row.type,
    at: row.at.toISOString(),
    data: row.data,
  };
}

/** The pace that polling settles into while nothing says how long a job takes; the shortest and the longest that is asked of a client. */
const [MIN_POLL_SECONDS, MAX_POLL_SECONDS] = [1, 15];

/** Seconds after which a look at the job is worth it. */
export function retryAfter(job: Pick<Job, 'progress'>): number {
  const eta = job.progress?.eta_seconds;
  if (eta === null || eta === undefined) return MIN_POLL_SECONDS;
  return Math.min(MAX_POLL_SECONDS, Math.max(MIN_POLL_SECONDS, Math.ceil(eta)));
}
