import { join } from 'node:path';
import type { Report, ReportSummary } from '../../src/contracts/report.js';
import { finishJob, finishStep, type StepArtifact } from '../../src/jobs/attempts.js';
import type { Attempt } from '../../src/jobs/decisions/decision.js';
import type { Lost } from '../../src/jobs/decisions/end-attempt.js';
import type { JobRow } from '../../src/storage/schema.js';
import type { EngineResult } from '../protocol.js';
import { openResultFile, ResultRefused, readResult } from './result.js';
import type { Supervision } from './supervision.js';

function summaryOf({ original, result, metric_drop, speedup, size_ratio }: Report): ReportSummary {
  return {
    metric: original.metric.name,
    original_metric: original.metric.value,
    result_metric: result.metric.value,
    metric_drop: metric_drop.value,
    speedup: speedup.value,
    size_ratio,
  };
}

/** A result whose files lie in the blob store: only the records do not know of it yet. */
export interface Stored {
  readonly result: EngineResult;
  readonly artifacts: readonly StepArtifact[];
}

/**
 * Checks what a dead engine left in its scratch folder and moves the files into the blob store, where they are on disk for
 * good. The model's hash must be the one that stage and report speak of: the evidence is about this file.
 * @throws ResultRefused, no_space
 */
export async function storeResult({ blobs }: Supervision, job: JobRow, scratch: string): Promise<Stored> {
  const result = await readResult(scratch, job.id, job.step === job.steps.length - 1);
  const artifacts: StepArtifact[] = [];
  for (const { file, name, role, location } of result.files) {
    await (await openResultFile(scratch, file)).close();
    const blob = await blobs.adopt(join(scratch, file));
    artifacts.push({ name, role, ...blob, ...(location !== undefined && { location }) });
  }
  const model = artifacts.find(({ role }) => role === 'model' || role === 'stage');
  const spokenOf = [result.stage.sha256, ...(result.report ? [result.report.result.sha256] : [])];
  if (model && spokenOf.some((sha256) => sha256 !== model.sha256)) {
    throw new ResultRefused('the report is about another model than the result');
  }
  return { result, artifacts };
}

/** The one compare-and-set that makes a stored result visible, whole, or not at all. */
export function publish(
  { jobs }: Supervision,
  job: JobRow,
  attempt: Attempt,
  { result, artifacts }: Stored,
  engineSeconds: number,
): Promise<'published' | Lost> {
  const { stage, report, error } = result;
  if (job.step < job.steps.length - 1) return finishStep(jobs, attempt, { engineSeconds, stage, artifacts });
  const summary = report && summaryOf(report);
  return finishJob(jobs, attempt, { engineSeconds, stage, report, summary, error, artifacts });
}
