import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { JobSpec, Requirements } from '../contracts/job-spec.js';
import type { Recipe } from '../contracts/search-plan.js';
import type { Samples } from '../datasets/samples.js';
import { type EvaluatedModel, totalBytes } from '../evaluation/evaluated-model.js';
import { overRounds } from '../evaluation/latency/combine.js';
import { medianLatency, speedup } from '../evaluation/latency/speedup.js';
import { timeRound } from '../evaluation/measure-latency.js';
import { type MeasuredMetric, measureMetric } from '../evaluation/measure-metric.js';
import { RememberedAnswers } from '../evaluation/remembered-answers.js';
import { decideRequirements } from '../evaluation/requirements.js';
import type { Estimate } from '../evaluation/statistics/confidence.js';
import type { Model } from '../onnx/ir/graph.js';
import type { MadeModel, Measurements } from './candidate.js';
import { carryOut, inBatches, type RecipeOptions } from './carry-out.js';
import type { Quality, Scored, Timing, Workshop } from './workshop.js';

/** A round of timing, for all models of it together: small, since most candidates are far from the original's speed; more follow where not. */
const ROUND = { blocks: 20, fewestBlocks: 8, budgetMs: 2_500 } as const;

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

  async score(made: FolderModel): Promise<Quality> {
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

  timing(models: readonly Scored<FolderModel>[]): Timing {
    const { original, samples, selection, evaluate, seed, signal, exclusive, now } = this.options;
    const nameOf = (index: number) => `candidate ${index}`;
    const entries = [['original', original], ...models.map(({ made }, i) => [nameOf(i), made.files])] as const;
    const found = models.map(() => ({ speedups: [] as Estimate[], latencies: [] as Estimate[] }));
    let turn = 0;
    return {
      round: async () => {
        const { times } = await timeRound({
          models: Object.fromEntries(entries) as Record<string, EvaluatedModel>,
          ...{ samples, indices: selection, seed, signal, exclusive, now, latency: evaluate.latency },
          ...{ ...ROUND, turn: turn++, progress: () => {} },
        });
        return found.map(({ speedups, latencies }, i) => {
          const [baseline, own, model] = [times.original, times[nameOf(i)], models[i]];
          if (!baseline || !own || !model) throw new Error('every model was timed');
          speedups.push(speedup(baseline, own, seed + turn));
          latencies.push(medianLatency(own, seed + turn));
          return this.#measurements(model, overRounds(speedups), overRounds(latencies));
        });
      },
    };
  }

  #measurements({ made, quality }: Scored<FolderModel>, gain: Estimate, latency: Estimate): Measurements {
    const { original, synthetic, require } = this.options;
    const measured = this.#quality.get(made);
    if (!measured) throw new Error('a candidate is scored before it is timed');
    const requirements = decideRequirements(require, {
      metricDrop: synthetic ? null : measured.drop,
      metric: synthetic ? null : measured.result,
      higherIsBetter: measured.metric.higherIsBetter,
      speedup: gain,
      latency,
      bytes: made.bytes,
      sizeRatio: made.bytes / totalBytes(original),
    });
    return { ...quality, speedup: gain, requirements };
  }

  async discard({ files }: MadeModel): Promise<void> {
    if (files) await rm(dirname(files.path), { recursive: true, force: true });
  }
}
