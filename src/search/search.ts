import type { Requirements } from '../contracts/job-spec.js';
import type { NodeReport } from '../contracts/report.js';
import type { Recipe } from '../contracts/search-plan.js';
import { ServiceError } from '../platform/errors.js';
import type { Candidate, MadeModel, Measurements, Rung } from './candidate.js';
import { isMeasured, paretoFront } from './choose.js';
import { boundsSpeed, judge, losesTooMuch, speedUndecided } from './judge.js';
import { nameOf } from './report-candidates.js';
import type { SearchMemory } from './search-memory.js';
import { timeUntilDecided } from './time-until-decided.js';
import type { Quality, Workshop } from './workshop.js';

/** Share of the budget that is kept for confirming the choice. */
const CONFIRMATION = 0.2;
/** Rounds of timing a candidate: after the most, its interval is a quarter of the first one's. */
const ROUNDS = { least: 1, most: 16 } as const;
/** Share of the budget that timing one candidate may take where its speed is hard to tell from the original's. */
const TIMING = 0.05;

export interface SearchOptions {
  readonly rungs: readonly Rung[];
  readonly workshop: Workshop;
  readonly memory: SearchMemory;
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

/**
 * Tries recipes in their order until the budget is used up. Every recipe gives a candidate, with a reason when it cannot be chosen. What was
 * measured is remembered rung by rung, so that an attempt after a killed one goes on where that one stopped.
 */
export class Search {
  readonly #candidates: Candidate[] = [];
  #tried = 0;
  #longestSeconds = 0;
  #earlierSeconds = 0;
  #recalled = 0;

  constructor(readonly options: SearchOptions) {}

  async run(): Promise<readonly Candidate[]> {
    const { rungs, budgetSeconds, signal, progress, memory } = this.options;
    const done = await this.#recall();
    for (const [index, rung] of rungs.entries()) {
      if (index < done) continue;
      signal.throwIfAborted();
      progress(index / rungs.length);
      const started = this.#elapsedSeconds();
      const reason = this.#affordable(rung.effort)
        ? this.#needless(rung)
        : `the budget of ${budgetSeconds} s is used up`;
      if (reason !== null) {
        this.#refuse(rung.recipe, `not tried: ${reason}`);
        continue;
      }
      await this.#try(rung.recipe);
      const seconds = this.#elapsedSeconds();
      const plain = (seconds - started) / rung.effort;
      // The first scores the original as well, so its time counts only until there is another.
      this.#longestSeconds = this.#tried++ === 1 ? plain : Math.max(this.#longestSeconds, plain);
      await memory.save({ rungs: index + 1, seconds, longest: this.#longestSeconds, candidates: this.#candidates });
    }
    progress(1);
    return this.#candidates;
  }

  /** Candidates that an earlier attempt had found. */
  get recalled(): number {
    return this.#recalled;
  }

  /** Takes up what an earlier attempt found. @returns how many rungs it had done */
  async #recall(): Promise<number> {
    const found = await this.options.memory.load();
    if (!found) return 0;
    this.#candidates.push(...found.candidates);
    this.#recalled = found.candidates.length;
    this.#tried = found.rungs;
    this.#longestSeconds = found.longest;
    this.#earlierSeconds = found.seconds;
    return found.rungs;
  }

  #elapsedSeconds(): number {
    return this.#earlierSeconds + this.options.workshop.elapsedSeconds();
  }

  /** Of the budget. */
  secondsLeft(): number {
    return this.options.budgetSeconds - this.#elapsedSeconds();
  }

  /** Whether one more candidate fits the budget, if it takes `effort` times as long as the longest plain one yet. */
  #affordable(effort = 1): boolean {
    return this.#longestSeconds * effort <= this.secondsLeft() - CONFIRMATION * this.options.budgetSeconds;
  }

  /** Why a rung that can only win a metric back need not be tried; null when it may be worth it. */
  #needless({ repairs }: Rung): string | null {
    const broken = repairs && this.#candidates.find(({ recipe }) => nameOf(recipe) === nameOf(repairs));
    if (!broken) return null;
    const { measured, refused } = broken;
    if (!measured) return `${nameOf(broken.recipe)}: ${refused}`;
    if (measured.drop.value <= 0) return `${nameOf(broken.recipe)} loses nothing that could be won back`;
    const tooSlow = !boundsSpeed(this.options.require) && measured.speedup.ci95[1] < 1;
    return tooSlow ? `it would be as slow as ${nameOf(broken.recipe)}` : null;
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
        ? await this.#attempt(recipe, async () => this.#time(made, await workshop.score(made)))
        : this.#refuse(recipe, `the same model as ${twin}`);
    if (!measured) return workshop.discard(made);
    await this.#keep(recipe, made, measured);
    if (losesTooMuch(measured, require)) await this.#putBack(recipe, made, measured);
  }

  /** Times a candidate beside the original: a noisy number alone is neither a gain nor a reason to refuse. */
  async #time(made: MadeModel, quality: Quality): Promise<Measurements> {
    const { workshop, require, signal, budgetSeconds } = this.options;
    const [found] = await timeUntilDecided(workshop.timing([{ made, quality }]), {
      ...{ ...ROUNDS, seconds: budgetSeconds * TIMING, signal, elapsedSeconds: () => workshop.elapsedSeconds() },
      decided: ([own]) => !own || losesTooMuch(own, require) || !speedUndecided(own, require),
    });
    if (!found) throw new Error('one model was timed');
    return found;
  }

  #twin({ sha256 }: MadeModel): string | undefined {
    if (sha256 === this.options.original) return 'the original';
    const twin = this.#candidates.find(({ made }) => made?.sha256 === sha256);
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
    for (const [index, one] of this.#candidates.entries()) {
      if (!isMeasured(one) || one.made.files === null || possible.has(one)) continue;
      await this.options.workshop.discard(one.made);
      this.#candidates[index] = { ...one, made: { ...one.made, files: null } };
    }
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
      const measured = holds ? await this.#attempt(next, () => this.#time(better, quality)) : null;
      if (measured) {
        return this.#keep(next, better, measured);
      }
      nodes = worstNodes(better.nodes);
      await workshop.discard(better);
      if (holds || !quality) return;
    }
  }
}
