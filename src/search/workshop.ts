import type { Recipe } from '../contracts/search-plan.js';
import type { MadeModel, Measurements } from './candidate.js';

export type Quality = Pick<Measurements, 'metricName' | 'metric' | 'drop' | 'noise'>;

/** A model that was scored, ready to be timed. */
export interface Scored<Made extends MadeModel = MadeModel> {
  readonly made: Made;
  readonly quality: Quality;
}

/** Models that are timed beside the original, all of them alternating. */
export interface Timing {
  /** Times them once more. @returns what all rounds so far say, model by model, and with it everything that requirements ask */
  round(): Promise<readonly Measurements[]>;
}

/** All that a search does to the world: it makes models and measures them. */
export interface Workshop<Made extends MadeModel = MadeModel> {
  /** @throws ServiceError when the recipe cannot be carried out */
  make(recipe: Recipe): Promise<Made>;
  /** The metric on the selection samples. @throws ServiceError */
  score(made: Made): Promise<Quality>;
  /** A fresh comparison: rounds of another one do not count. @throws ServiceError from its rounds */
  timing(models: readonly Scored<Made>[]): Timing;
  /** The model's files are needed no more. */
  discard(made: Made): Promise<void>;
  /** Since the search began. */
  elapsedSeconds(): number;
}
