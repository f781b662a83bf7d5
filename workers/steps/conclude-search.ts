import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StageReport } from '../../src/contracts/report.js';
import { SearchPlan } from '../../src/contracts/search-plan.js';
import { disproof } from '../../src/search/judge.js';
import { LAST_RESORT, LAST_RESORT_ROW } from '../../src/search/report-candidates.js';
import type { EngineResult, ResultFile } from '../protocol.js';
import { conclude, type Made } from './conclude.js';
import { keepCandidate, PLAN } from './recipe.js';
import type { StepContext } from './step.js';
import type { TaskSamples } from './task-samples.js';
import { copyModelFiles, totalBytes } from './written-model.js';

/** Fraction of the step after which the original is evaluated instead. */
const EVALUATED = 0.95;

/**
 * The result of a search, judged once on samples that nobody chose on. Where these show that it is certainly slower than the original, or
 * loses too much after all, and no requirement of the job says otherwise, the original is the result, and the choice one more candidate.
 * @param searched files that the search left, which stay
 */
export async function concludeSearch(
  context: StepContext,
  data: TaskSamples,
  made: Made,
  searched: readonly ResultFile[],
  from: number,
): Promise<EngineResult> {
  const { task, scratch, log } = context;
  const result = await conclude(context, data, made, from);
  const reason = result.report && !data.synthetic ? disproof(result.report, task.spec.require) : null;
  if (reason === null || task.input.sha256 !== task.original.sha256 || made.model.sha256 === task.input.sha256) {
    return result;
  }
  log.info('the choice of the search was disproved', { reason });
  const kept = await keepCandidate(made.model, 0, scratch);
  const model = await copyModelFiles(task.input, scratch);
  const { type, scheme, seconds, peak_memory_bytes, notes, candidates = [] } = made.stage;
  const plan = SearchPlan.parse(JSON.parse(await readFile(join(scratch, PLAN.file), 'utf8')));
  await writeFile(join(scratch, PLAN.file), JSON.stringify({ ...plan, recipe: LAST_RESORT }, null, 2));
  const stage: StageReport = {
    ...{ type, seconds, peak_memory_bytes, ...(scheme !== undefined && { scheme }) },
    ...{ bytes: totalBytes(model), sha256: model.sha256 },
    candidates: [
      ...candidates.map((row) => (row.chosen ? { ...row, chosen: false, on_front: false, refused: reason } : row)),
      LAST_RESORT_ROW,
    ],
    notes: [
      ...notes,
      `The evaluation samples spoke against that: it ${reason}. The original is the result, unchanged.`,
    ],
  };
  const files = [...kept, ...searched];
  return conclude(context, data, { model, cleaned: null, stage, nodes: [], files }, EVALUATED);
}
