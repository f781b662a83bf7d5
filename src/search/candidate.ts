import type { NodeReport, RequirementVerdict } from '../contracts/report.js';
import type { Recipe } from '../contracts/search-plan.js';
import type { EvaluatedModel } from '../evaluation/evaluated-model.js';
import type { Estimate } from '../evaluation/statistics/confidence.js';

/** A recipe carried out: files on disk, and what each node became. */
export interface MadeModel {
  /** Null when they are gone, beaten or with an earlier attempt of the same search: the recipe gives them again. */
  readonly files: EvaluatedModel | null;
  /** Of the ONNX file. */
  readonly sha256: string;
  /** With external data. */
  readonly bytes: number;
  readonly nodes: readonly NodeReport[];
}

/** How good and how fast a candidate is, beside the original. */
export interface Measurements {
  readonly metricName: string;
  readonly metric: number;
  /** Positive is worse, whatever the metric. */
  readonly drop: Estimate;
  /** Energy of the difference of the outputs against that of the original's: tells candidates apart that score the same. */
  readonly noise: number;
  readonly speedup: Estimate;
  /** What the job requires, decided on the selection samples. */
  readonly requirements: readonly RequirementVerdict[];
}

/** A recipe to try. */
export interface Rung {
  readonly recipe: Recipe;
  /** The recipe whose metric this one might win back; it can be neither faster nor smaller. Null when it may be better in anything. */
  readonly repairs: Recipe | null;
  /** How many times longer it takes than a plain one. */
  readonly effort: number;
}

/** One rung of the ladder as it was found. */
export interface Candidate {
  readonly recipe: Recipe;
  /** Null when it could not be made, or is the same model as another one. */
  readonly made: MadeModel | null;
  readonly measured: Measurements | null;
  /** Why it cannot be chosen; null when it can. */
  readonly refused: string | null;
  /** Refused only for what nobody required: taken when nothing better satisfies the requirements. */
  readonly satisfiesRequirements: boolean;
}
