import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type QuantizeStep, SEARCH_DEFAULTS } from '../../src/contracts/quantize-step.js';
import type { CandidateReport } from '../../src/contracts/report.js';
import type { Recipe, SearchPlan } from '../../src/contracts/search-plan.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { ServiceError } from '../../src/platform/errors.js';
import { searchRecipe } from '../../src/search/search-recipe.js';
import type { ModelFiles, ResultFile } from '../protocol.js';
import { keptCalibration } from './calibration-memory.js';
import { checkpointFiles } from './checkpoint-files.js';
import type { StepContext } from './step.js';
import type { TaskSamples } from './task-samples.js';
import { writeModelFiles } from './written-model.js';

/** How a step's model is to be made, and what a search left behind. */
export interface SettledRecipe {
  readonly recipe: Recipe;
  readonly instructionSets: readonly string[];
  readonly candidates: readonly CandidateReport[];
  readonly files: readonly ResultFile[];
  readonly notes: readonly string[];
}

export const PLAN: ResultFile = { file: 'plan.json', name: 'plan.json', role: 'plan' };

/** A model that was tried, under a name of its own beside the result. One whose weights lie in files beside it is not kept. */
export async function keepCandidate(
  { path, external }: Pick<ModelFiles, 'path'> & { readonly external: readonly unknown[] },
  index: number,
  scratch: string,
): Promise<ResultFile[]> {
  if (external.length > 0) return [];
  const name = `candidate-${index}.onnx`;
  await rename(path, join(scratch, name));
  return [{ file: name, name, role: 'candidate' }];
}

/**
 * Settles how a quantize step is carried out: as it is written, as an earlier plan says, or as a search finds best.
 * @param until fraction of the step that a search takes
 * @throws ServiceError invalid_request when the plan is for another model, dataset or seed; what the search throws
 */
export async function settleRecipe(
  context: StepContext,
  data: TaskSamples,
  step: QuantizeStep,
  model: Model,
  until: number,
): Promise<SettledRecipe> {
  const { task, scratch, signal } = context;
  const { spec, plan } = task;
  const { instructionSets } = cpuFacts();
  const nothing = { candidates: [], files: [], notes: [] };
  if (step.scheme !== 'auto') {
    const { pin_shapes = SEARCH_DEFAULTS.pin_shapes } = step;
    return { recipe: { step, variant: '', pin_shapes, float_nodes: [] }, instructionSets, ...nothing };
  }
  if (plan) {
    checkPlan(plan, task);
    const notes = ['Carried out as the plan of an earlier job decided, without a search.'];
    return { recipe: plan.recipe, instructionSets: plan.instruction_sets, ...nothing, notes };
  }
  const { splits, samples, synthetic } = data;
  const { recipe, candidates, others, notes } = await searchRecipe({
    step,
    model,
    samples,
    synthetic,
    calibration: splits.calibration,
    // Made-up inputs prove nothing, so there is nothing to keep apart.
    selection: synthetic ? splits.evaluation : splits.selection,
    cpu: { instructionSets },
    original: task.original,
    input: task.input.sha256,
    batch: samples.batch ?? spec.evaluate.latency.batch,
    evaluate: spec.evaluate,
    require: spec.require,
    seed: spec.seed,
    threads: task.threads,
    timeoutSeconds: spec.timeout_seconds,
    scratch,
    signal,
    exclusive: (timed) => context.exclusive(timed),
    write: writeModelFiles,
    memory: checkpointFiles(scratch, task.step),
    calibrationMemory: keptCalibration(context),
    now: () => performance.now(),
    progress: (fraction) => context.progress('searching', fraction * until),
  });
  const found: SearchPlan = {
    object: 'plan',
    version: 1,
    model: task.input.sha256,
    dataset: task.dataset?.sha256 ?? null,
    seed: spec.seed,
    instruction_sets: [...instructionSets],
    recipe,
    candidates: [...candidates],
  };
  await writeFile(join(scratch, PLAN.file), JSON.stringify(found, null, 2));
  const kept: ResultFile[] = [];
  for (const [index, other] of others.entries()) kept.push(...(await keepCandidate(other, index + 1, scratch)));
  return { recipe, instructionSets, candidates, files: [...kept, PLAN], notes };
}

/** A plan says what was decided for these inputs, drawn by this seed, and for no others. */
function checkPlan(plan: SearchPlan, { input, dataset, spec, step }: StepContext['task']): void {
  const refuse = (made: string, hint: string, pointer: string): never => {
    throw new ServiceError('invalid_request', `The plan was made ${made}.`, {
      phase: 'opening',
      hint,
      errors: [{ pointer, code: 'contradiction', message: `The plan was made ${made}.` }],
    });
  };
  const anew = 'Leave "plan" out to search anew.';
  if (plan.model !== input.sha256) refuse('for another model', anew, `/steps/${step}/plan`);
  if (plan.dataset !== (dataset?.sha256 ?? null)) refuse('for another dataset', anew, `/steps/${step}/plan`);
  if (plan.seed !== spec.seed) {
    refuse(`with the seed ${plan.seed}, not ${spec.seed}`, `Set "seed" to ${plan.seed}, or leave "plan" out.`, '/seed');
  }
}
