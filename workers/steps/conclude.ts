import type { NodeReport, Report, StageReport } from '../../src/contracts/report.js';
import { evaluateModels } from '../../src/evaluation/evaluate-models.js';
import { evaluateSteps } from '../../src/evaluation/evaluate-steps.js';
import { missedRequirements } from '../../src/reports/requirement-words.js';
import { LOG_FILE } from '../engine/log.js';
import { jobError } from '../failure.js';
import type { EngineResult, ModelFiles, ResultFile } from '../protocol.js';
import type { StepContext } from './step.js';
import type { TaskSamples } from './task-samples.js';
import { resultFiles } from './written-model.js';

/** What a step made of its input. */
export interface Made {
  readonly model: ModelFiles;
  /** The input after the lossless clean-up, when the step went beyond it. */
  readonly cleaned: ModelFiles | null;
  readonly stage: StageReport;
  readonly nodes: readonly NodeReport[];
  /** What a search leaves beside the model. */
  readonly files: readonly ResultFile[];
}

const LOG: ResultFile = { file: LOG_FILE, name: LOG_FILE, role: 'log' };

/**
 * The result of a step. Before the last step that is its model; the last one is evaluated, and a model that misses a requirement
 * is only offered as a candidate.
 * @param from fraction of the step that is done already
 */
export async function conclude(
  context: StepContext,
  data: TaskSamples,
  made: Made,
  from: number,
): Promise<EngineResult> {
  const { task } = context;
  const { model, stage } = made;
  if (!task.last) {
    return { files: [...resultFiles(model, 'stage'), ...made.files, LOG], stage, report: null, error: null };
  }
  const report = await evaluate(context, data, made, from);
  if (report.verdict !== 'not_met') {
    return { files: [...resultFiles(model, 'model'), ...made.files, LOG], stage, report, error: null };
  }
  const error = jobError('requirements_not_met', missedRequirements(report), {
    phase: 'evaluating',
    hint: 'The report holds the evidence, and the model is kept as an artifact of role candidate.',
  });
  return { files: [...resultFiles(model, 'candidate'), ...made.files, LOG], stage, report, error };
}

async function evaluate(context: StepContext, data: TaskSamples, made: Made, from: number): Promise<Report> {
  const { task, signal, progress } = context;
  const { spec } = task;
  const { samples, splits, synthetic } = data;
  const share = (1 - from) / (1 + task.before.length);
  const starts = { scoring: from, timing: from + share / 2 };
  progress('scoring', from);
  const common = {
    ...{ original: task.original, samples, indices: splits.evaluation, synthetic, evaluate: spec.evaluate },
    ...{ exclusive: context.exclusive, threads: task.threads, seed: spec.seed, signal },
  };
  const evaluation = await evaluateModels({
    ...common,
    cleaned: made.cleaned,
    result: made.model,
    require: spec.require,
    progress: (phase, fraction) => progress(phase, starts[phase] + (fraction * share) / 2),
  });
  const before = await evaluateSteps(task.before, {
    ...common,
    progress: (phase, fraction) => progress(phase, from + share + fraction * (1 - from - share)),
  });
  const measured = task.stages.map((stage, i) => ({
    ...stage,
    ...(before.measured[i] && { measured: before.measured[i] }),
  }));
  const stages = [...measured, made.stage];
  return {
    object: 'report',
    job: task.job as Report['job'],
    ...evaluation,
    stages,
    notes: [...stages.flatMap(({ notes }) => notes), ...data.notes, ...evaluation.notes, ...before.notes],
    nodes: [...made.nodes],
    candidates: stages.flatMap(({ candidates }) => candidates ?? []),
    splits: data.described,
    reproduce: {
      spec,
      seed: spec.seed,
      inputs: { model: `sha256:${task.original.sha256}`, dataset: task.dataset && `sha256:${task.dataset.sha256}` },
    },
  };
}
