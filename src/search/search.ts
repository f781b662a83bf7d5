import type { Requirements } from '../contracts/job-spec.js';
import type { NodeReport } from '../contracts/report.js';
import type { Recipe } from '../contracts/search-plan.js';
import { ServiceError } from '../platform/errors.js';
import type { Candidate, MadeModel, Measurements } from './candidate.js';
import { isMeasured, paretoFront } from './choose.js';
import { judge, losesTooMuch } from './judge.js';
import { nameOf } from './report-candidates.js';

type Quality = Pick<Measurements, 'metricName' | 'metric' | 'drop'>;

/** All that a search does to the world: it makes models and measures them. */
export interface Workshop<Made extends MadeModel = MadeModel> {
  /** @throws ServiceError when the recipe cannot be carried out */
  make(recipe: Recipe): Promise<Made>;
  /** The metric on the selection samples. @throws ServiceError */
  score(made: Made): Promise<Quality>;
  /** Latency beside the original, and with it everything that requirements ask. @throws ServiceError */
  time(made: Made, quality: Quality): Promise<Measurements>;
  /** The model's files are needed no more. */
  discard(made: Made): Promise<void>;
  /** Since the search began. */
  elapsedSeconds(): number;
}

export interface SearchOptions {
  readonly recipes: readonly Recipe[];
  readonly workshop: Workshop;
  readonly require: Requirements | undefined;
  readonly budgetSeconds: number;
  /** SHA-256 of the original: a candidate that is the same file is no candidate. */
  readonly original: string;
  readonly signal: AbortSignal;
  readonly progress: (fraction: number) => void;
}

/** The integer nodes that distort their result most, by the noise measured on selection samples; the worst first. */
function worstNodes(nodes: readonly NodeReport[]): string[] {
  const noise = ({ sqnr_db }: NodeReport) => sqnr_db ?? Number.POSITIVE_INFINITY;
  return nodes
    .filter(({ integer }) => integer)
    .sort((a, b) => noise(a) - noise(b))
    .map(({ name }) => name);
}

/** Tries recipes in their order until the budget is used up. Every recipe gives a candidate, with a reason when it cannot be chosen. */
export class Search {
  readonly #candidates: Candidate[] = [];
  #longestSeconds = 0;

  constructor(readonly options: SearchOptions) {}

  async run(): Promise<readonly Candidate[]> {
    const { recipes, budgetSeconds, workshop, signal, progress } = this.options;
    for (const [index, recipe] of recipes.entries()) {
      signal.throwIfAborted();
      progress(index / recipes.length);
      const started = workshop.elapsedSeconds();
      if (!this.#affordable()) {
        this.#refuse(recipe, `not tried: the budget of ${budgetSeconds} s is used up`);
        continue;
      }
      await this.#try(recipe);
      this.#longestSeconds = Math.max(this.#longestSeconds, workshop.elapsedSeconds() - started);
    }
    progress(1);
    return this.#candidates;
  }

  /** Whether one more candidate fits the budget, if it takes as long as the longest yet. */
  #affordable(): boolean {
    return this.options.workshop.elapsedSeconds() + this.#longestSeconds <= this.options.budgetSeconds;
  }

  #refuse(recipe: Recipe, refused: string): null {
    this.#candidates.push({ recipe, made: null, measured: null, refused, satisfiesRequirements: false });
    return null;
  }

  /** Does what may fail with a recipe; then the failure is the reason why it cannot be chosen. */
  async #attempt<Result>(recipe: Recipe, work: () => Promise<Result>): Promise<Result | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      this.#refuse(recipe, error.detail);
      return null;
    }
  }

  async #try(recipe: Recipe): Promise<void> {
    const { workshop, require } = this.options;
    const made = await this.#attempt(recipe, () => workshop.make(recipe));
    if (!made) return;
    const twin = this.#twin(made);
    const measured =
      twin === undefined
        ? await this.#attempt(recipe, async () => workshop.time(made, await workshop.score(made)))
        : this.#refuse(recipe, `the same model as ${twin}`);
    if (!measured) return workshop.discard(made);
    await this.#keep(recipe, made, measured);
    if (losesTooMuch(measured, require)) await this.#putBack(recipe, made, measured);
  }

  #twin({ files }: MadeModel): string | undefined {
    if (files.sha256 === this.options.original) return 'the original';
    const twin = this.#candidates.find(({ made }) => made?.files.sha256 === files.sha256);
    return twin && nameOf(twin.recipe);
  }

  #keep(recipe: Recipe, made: MadeModel, measured: Measurements): Promise<void> {
    this.#candidates.push({ recipe, made, measured, ...judge(measured, this.options.require) });
    return this.#discardBeaten();
  }

  /** Files of candidates that can be on no front any more go at once: large models fill the disk. */
  async #discardBeaten(): Promise<void> {
    const measured = this.#candidates.filter(isMeasured);
    const possible = new Set([
      ...paretoFront(measured),
      ...paretoFront(measured.filter(({ refused }) => refused === null)),
    ]);
    for (const one of measured) if (!possible.has(one)) await this.options.workshop.discard(one.made);
  }

  /** Puts the worst nodes back to float, twice as many each round, until the metric holds or nothing is left in integer. */
  async #putBack(recipe: Recipe, made: MadeModel, { speedup }: Measurements): Promise<void> {
    const { workshop, require, signal } = this.options;
    // Fewer integer nodes make a slow model faster only where integer is the slow part; those are left out by "only what pays".
    if (speedup.ci95[1] < 1) return;
    let nodes = worstNodes(made.nodes);
    let next = recipe;
    for (let count = 1; nodes.length > 0 && this.#affordable(); count *= 2) {
      signal.throwIfAborted();
      const floats = [...next.float_nodes, ...nodes.slice(0, count)];
      const variant = `${recipe.variant}, ${floats.length} nodes put back to float`;
      next = { ...recipe, variant, float_nodes: floats };
      const better = await this.#attempt(next, () => workshop.make(next));
      if (!better) return;
      const quality = await this.#attempt(next, () => workshop.score(better));
      const holds = quality && !losesTooMuch(quality, require);
      const measured = holds ? await this.#attempt(next, () => workshop.time(better, quality)) : null;
      if (measured) {
        return this.#keep(next, better, measured);
      }
      nodes = worstNodes(better.nodes);
      await workshop.discard(better);
      if (holds || !quality) return;
    }
  }
}
