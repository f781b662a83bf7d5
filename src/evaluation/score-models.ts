import type { Samples } from '../datasets/samples.js';
import { numbers } from '../onnx/ir/numbers.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import { fittingFeeds } from '../runtime/feeds.js';
import type { Session } from '../runtime/session.js';
import { batches, sampleOf } from './batches.js';
import type { Metric, MetricOptions, SampleValues } from './metrics/metric.js';
import type { OtherOutputs } from './other-outputs.js';
import { OutputNoise } from './output-noise.js';
import type { RememberedAnswers } from './remembered-answers.js';

export interface Scores {
  /** One score per evaluation sample, in the same order: they are paired. */
  readonly original: Float64Array;
  readonly result: Float64Array;
}

export interface ScoredModels extends Scores {
  /** Energy of the difference of the outputs against that of the original's. */
  readonly noise: number;
}

/** Rows of labels read at a time to learn their alphabet. */
const LABELS_AT_ONCE = 256;

const sampleValues = (tensor: Tensor): SampleValues => ({ dims: tensor.dims, values: numbers(tensor) });

function scoreOne(metric: Metric, output: SampleValues, against: SampleValues, options: MetricOptions): number {
  try {
    return metric.score(output, against, options);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ServiceError('metric_not_applicable', `${metric.name} does not fit: ${cause.message}.`, { cause });
  }
}

/** Every value of the evaluation labels, for a metric that decodes letters. */
async function alphabetOf(samples: Samples, indices: readonly number[], metric: Metric): Promise<Set<number>> {
  const alphabet = new Set<number>();
  if (metric.name !== 'ctc') return alphabet;
  for (const { indices: rows } of batches(indices, LABELS_AT_ONCE)) {
    const labels = await samples.labels(rows);
    if (labels) for (const letter of Array.from(numbers(labels))) alphabet.add(letter);
  }
  return alphabet;
}

/**
 * Scores both models on the same samples, batch by batch at constant memory: only the scores are kept.
 * @throws ServiceError metric_not_applicable, output_not_finite, model_run_failed.
 */
export async function scoreModels(task: {
  readonly original: Session;
  readonly result: Session;
  readonly samples: Samples;
  readonly indices: readonly number[];
  readonly batch: number;
  readonly output: string;
  readonly metric: Metric;
  readonly threshold: number;
  /** Of the original, from earlier scores of it on the same samples. */
  readonly remembered?: RememberedAnswers;
  /** Outputs beside the scored one that are to be compared; they are not while answers are remembered. */
  readonly others?: OtherOutputs;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}): Promise<ScoredModels> {
  const { metric, samples, indices, batch, output } = task;
  const scores = { original: new Float64Array(indices.length), result: new Float64Array(indices.length) };
  const others = task.remembered ? undefined : task.others;
  const answers = (session: Session, feeds: Awaited<ReturnType<Samples['feeds']>>) =>
    session.run(fittingFeeds(session.inputs, feeds), [output, ...(others?.names ?? [])]);
  const keep = (side: keyof Scores, at: number, score: number) => {
    if (!Number.isFinite(score)) {
      throw new ServiceError('output_not_finite', `The ${side} gives NaN or infinity on sample ${indices[at]}.`, {
        phase: 'evaluate',
      });
    }
    scores[side][at] = score;
  };

  const options = { threshold: task.threshold, alphabet: await alphabetOf(samples, indices, metric) };
  const noise = new OutputNoise();
  let done = 0;
  for (const { indices: rows, used } of batches(indices, batch)) {
    task.signal.throwIfAborted();
    const feeds = await samples.feeds(rows);
    const labels = metric.comparedWith === 'labels' ? await samples.labels(rows) : null;
    if (metric.comparedWith === 'labels' && labels === null) {
      throw new ServiceError('metric_not_applicable', `${metric.name} needs labels, and the dataset has none.`);
    }
    const asked = new Map<string, Tensor>();
    const ask = async () => {
      for (const [name, value] of await answers(task.original, feeds)) asked.set(name, value);
      return asked.get(output) as Tensor;
    };
    const original = await (task.remembered?.of(rows, ask) ?? ask());
    const given = await answers(task.result, feeds);
    const result = given.get(output) as Tensor;
    others?.add(asked, given);
    for (let row = 0; row < used; row++) {
      const theirs = sampleValues(sampleOf(original, row, batch));
      const own = sampleValues(sampleOf(result, row, batch));
      const against = labels ? sampleValues(sampleOf(labels, row, rows.length)) : theirs;
      keep(
        'original',
        done + row,
        metric.comparedWith === 'original' ? metric.perfect : scoreOne(metric, theirs, against, options),
      );
      keep('result', done + row, scoreOne(metric, own, against, options));
      noise.add(theirs.values, own.values);
    }
    done += used;
    task.progress(done / indices.length);
  }
  return { ...scores, noise: noise.ratio };
}
