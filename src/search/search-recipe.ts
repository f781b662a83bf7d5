import { type QuantizeStep, SEARCH_DEFAULTS } from '../contracts/quantize-step.js';
import type { CandidateReport } from '../contracts/report.js';
import type { Recipe } from '../contracts/search-plan.js';
import type { EvaluatedModel } from '../evaluation/evaluated-model.js';
import { ServiceError } from '../platform/errors.js';
import { inBatches } from './carry-out.js';
import { isMeasured, paretoFront } from './choose.js';
import { confirmChoice } from './confirm-choice.js';
import { ladder } from './ladder.js';
import { MeasuringWorkshop, type WorkshopOptions } from './measuring-workshop.js';
import { pinnedModel } from './pinned-model.js';
import { LAST_RESORT, nameOf, reportCandidates } from './report-candidates.js';
import { Search } from './search.js';
import { type MemoryStore, searchMemory } from './search-memory.js';
import { speedWords } from './speed.js';

/** Share of the job's time that a search may take: making the winner again and judging it need the rest. */
const MAX_SHARE_OF_TIMEOUT = 0.5;

export interface RecipeSearchOptions extends WorkshopOptions {
  /** With the scheme auto. */
  readonly step: QuantizeStep;
  readonly timeoutSeconds: number;
  /** SHA-256 of the model that the recipe is for. */
  readonly input: string;
  /** Where what was found outlives a killed attempt. */
  readonly memory: MemoryStore;
  progress(fraction: number): void;
}

export interface FoundRecipe {
  readonly recipe: Recipe;
  readonly candidates: readonly CandidateReport[];
  /** The candidates on the front that were not chosen, refused ones when all are, in the scratch folder. */
  readonly others: readonly EvaluatedModel[];
  readonly notes: readonly string[];
}

/** Whether pinning the shapes would make the model simpler, and why not when it cannot be known. */
async function pinningHelps(options: RecipeSearchOptions): Promise<{ helps: boolean; notes: string[] }> {
  const { step, synthetic, samples, batch, evaluate } = options;
  if (!(step.pin_shapes ?? SEARCH_DEFAULTS.pin_shapes)) return { helps: false, notes: [] };
  if (synthetic || evaluate.latency.shapes) {
    return { helps: false, notes: ['Shapes were not pinned: they are those of a dataset, timed as it is.'] };
  }
  try {
    const { changes } = await pinnedModel({ ...options, samples: inBatches(samples, batch) });
    return { helps: changes > 0, notes: changes > 0 ? [] : ['Shapes were not pinned: nothing depends on them.'] };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { helps: false, notes: [`Shapes were not pinned: ${error.detail}`] };
  }
}

/**
 * Tries the ladder of recipes on the selection samples and chooses the best that is good enough; the original, unchanged, when none is.
 * @throws ServiceError what measuring the original throws; the reason of `signal` when it is aborted
 */
export async function searchRecipe(options: RecipeSearchOptions): Promise<FoundRecipe> {
  const { step, timeoutSeconds, require, signal, input } = options;
  const workshop = new MeasuringWorkshop(options);
  const pinning = await pinningHelps(options);
  const budget = step.budget_seconds ?? SEARCH_DEFAULTS.budget_seconds;
  const rungs = ladder(step, pinning.helps);
  const { evaluate, seed, cpu, calibration, selection } = options;
  const search = new Search({
    rungs,
    workshop,
    memory: searchMemory(options.memory, { input, rungs, evaluate, require, seed, cpu, calibration, selection }),
    require,
    budgetSeconds: Math.min(budget, timeoutSeconds * MAX_SHARE_OF_TIMEOUT),
    original: input,
    signal,
    progress: (fraction) => options.progress(fraction),
  });
  const found = await search.run();
  const {
    candidates,
    choice,
    notes: confirmation,
  } = await confirmChoice(found, {
    ...{ require, workshop, signal, secondsLeft: () => search.secondsLeft() },
    objective: step.objective ?? SEARCH_DEFAULTS.objective,
  });
  const { chosen, front } = choice;
  const untried = candidates.filter((candidate) => !isMeasured(candidate)).length;
  const none =
    untried === 0
      ? `None of ${candidates.length} candidates is good enough`
      : `None of the ${candidates.length - untried} candidates that were measured is good enough, and ${untried} were not: their reasons stand below, and budget_seconds allows more`;
  const notes = [
    ...pinning.notes,
    ...(search.recalled > 0
      ? [`The search went on from ${search.recalled} candidates that an interrupted attempt had measured.`]
      : []),
    ...confirmation,
    chosen
      ? `Of ${candidates.length} candidates, ${nameOf(chosen.recipe)} was chosen: ${speedWords(chosen.measured.speedup)} on the selection samples.`
      : `${none}: the original is the result, unchanged, as the last resort.`,
  ];
  const others: EvaluatedModel[] = [];
  for (const { recipe, made } of chosen ? front : paretoFront(candidates.filter(isMeasured))) {
    if (recipe !== chosen?.recipe) others.push(made.files ?? (await workshop.make(recipe)).files);
  }
  return { recipe: chosen?.recipe ?? LAST_RESORT, candidates: reportCandidates(candidates, choice), others, notes };
}
