import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { JobSpec, Requirements } from '../contracts/job-spec.js';
import type { Recipe } from '../contracts/search-plan.js';
import type { Samples } from '../datasets/samples.js';
import { type EvaluatedModel, totalBytes } from '../evaluation/evaluated-model.js';
import { medianLatency, speedup } from '../evaluation/latency/speedup.js';
import { measureLatency } from '../evaluation/measure-latency.js';
import { type MeasuredMetric, measureMetric } from '../evaluation/measure-metric.js';
import { RememberedAnswers } from '../evaluation/remembered-answers.js';
import { decideRequirements } from '../evaluation/requirements.js';
import type { Model } from '../onnx/ir/graph.js';
import type { MadeModel, Measurements } from './candidate.js';
import { carryOut, inBatches, type RecipeOptions } from './carry-out.js';
import type { Workshop } from './search.js';

/** Timed runs of a candidate: 40 blocks of three tell a few percent apart; the winner is timed again, longer. */
const SEARCH_RUNS = 120;
/** Milliseconds that timing a candidate and the original may take; slow models get fewer runs, which are less noisy. */
const SEARCH_TIMING_MS = 5_000;

export interface WorkshopOptions extends Omit<RecipeOptions, 'progress' | 'samples'> {
  readonly original: EvaluatedModel;
  readonly samples: Samples;
  /** The samples are made up, because there is no dataset. */
  readonly synthetic: boolean;
  readonly evaluate: JobSpec['evaluate'];
  readonly require: Requirements | undefined;
  readonly seed: number;
  /** Runs `timed` while nothing else of ours runs on the machine. */
  exclusive<T>(timed: () => Promise<T>): Promise<T>;
  /** Writes a model into a folder of its own. */
  write(model: Model, folder: string): Promise<EvaluatedModel>;
  /** A monotonic clock in milliseconds. */
  now(): number;
}

interface FolderModel extends MadeModel {
  readonly files: EvaluatedModel;
  /** How its samples come: one batch at a time when its shapes are pinned. */
  readonly samples: Samples;
}

/** Makes candidates and measures them on the selection samples, beside the original. */
export class MeasuringWorkshop implements Workshop<FolderModel> {
  readonly #started: number;
  readonly #answers = new RememberedAnswers();
  #count = 0;
  #quality = new WeakMap<object, MeasuredMetric>();

  constructor(readonly options: WorkshopOptions) {
    this.#started = options.now();
  }

  elapsedSeconds(): number {
    return (this.options.now() - this.#started) / 1000;
  }

  async make(recipe: Recipe): Promise<FolderModel> {
    const { options } = this;
    if (!recipe.step) throw new Error('the original is not made');
    const samples = options.synthetic ? null : options.samples;
    const { model, nodes } = await carryOut(
      { ...recipe, step: recipe.step },
      { ...options, samples, progress: () => {} },
    );
    const folder = join(options.scratch, `candidate-${this.#count++}`);
    const files = await options.write(model, folder);
    const taken = recipe.pin_shapes ? inBatches(options.samples, options.batch) : options.samples;
    return { files, sha256: files.sha256, bytes: totalBytes(files), nodes, samples: taken };
  }

  async score(made: FolderModel): Promise<Pick<Measurements, 'metricName' | 'metric' | 'drop' | 'noise'>> {
    const { original, selection, synthetic, evaluate, threads, signal } = this.options;
    const measured = await measureMetric({
      ...{
        original,
        result: made.files,
        samples: made.samples,
        indices: selection,
        synthetic,
        evaluate,
        threads,
        signal,
        remembered: this.#answers,
      },
      progress: () => {},
    });
    this.#quality.set(made, measured);
    const { metric, result, drop, noise } = measured;
    return { metricName: metric.name, metric: result.value, drop, noise };
  }

  async time(made: FolderModel, quality: Awaited<ReturnType<this['score']>>): Promise<Measurements> {
    const { original, selection, synthetic, evaluate, require, seed, signal, exclusive, now } = this.options;
    const measured = this.#quality.get(made);
    if (!measured) throw new Error('a candidate is scored before it is timed');
    const { times } = await measureLatency({
      models: { original, result: made.files },
      ...{ samples: made.samples, indices: selection, seed, signal, exclusive, now },
      latency: { ...evaluate.latency, runs: Math.min(evaluate.latency.runs, SEARCH_RUNS) },
      budgetMs: SEARCH_TIMING_MS,
      progress: () => {},
    });
    const gain = speedup(times.original, times.result, seed);
    const requirements = decideRequirements(require, {
      metricDrop: synthetic ? null : measured.drop,
      metric: synthetic ? null : measured.result,
      higherIsBetter: measured.metric.higherIsBetter,
      speedup: gain,
      latency: medianLatency(times.result, seed),
      bytes: made.bytes,
      sizeRatio: made.bytes / totalBytes(original),
    });
    return { ...quality, speedup: gain, requirements };
  }

  async discard({ files }: MadeModel): Promise<void> {
    if (files) await rm(dirname(files.path), { recursive: true, force: true });
  }
}
