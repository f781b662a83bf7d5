import { type Model, node as makeNode, type Node } from '../../onnx/ir/graph.js';
import { numbers } from '../../onnx/ir/numbers.js';
import { scalar, type Tensor } from '../../onnx/ir/tensor.js';
import { ServiceError } from '../../platform/errors.js';
import { REDUCING, withModelSession } from '../model-session.js';
import { freshNames } from '../names.js';
import type { Range } from '../parameters.js';
import { latestFirst, onlyFor } from '../tapped-values.js';
import type { Pass } from './pass.js';
import { type CalibrationTask, calibrationRows } from './task.js';

/** The ranges of one value that scalars per sample give. */
export interface Extremes {
  /** The smallest and the largest number of all samples. */
  readonly all: Range;
  /** The mean of the samples' minima and the mean of their maxima, so that one outlier does not stretch the range for all. */
  readonly mean: Range;
}

interface Scalars {
  readonly min: string;
  readonly max: string;
  readonly zero: string;
}

/**
 * The model with three scalars of each value as its only outputs, however large the value is: minimum, maximum, and Σ 0·x, which is 0
 * only when every element is finite (ONNX Runtime's ReduceMin and ReduceMax step over NaN).
 */
function withExtremes(model: Model, values: readonly string[]): { model: Model; names: ReadonlyMap<string, Scalars> } {
  const fresh = freshNames(model.graph);
  const nothing = fresh('calibration_zero');
  const names = new Map(
    values.map((value): [string, Scalars] => [
      value,
      { min: fresh(`${value}_min`), max: fresh(`${value}_max`), zero: fresh(`${value}_zero`) },
    ]),
  );
  const all = { attributes: { keepdims: 0 } };
  const nodes = latestFirst(model.graph, values).flatMap((value): Node[] => {
    const { min, max, zero } = names.get(value) as Scalars;
    const zeros = fresh(`${value}_zeros`);
    return [
      makeNode('ReduceMin', [value], [min], all),
      makeNode('ReduceMax', [value], [max], all),
      makeNode('Mul', [value, nothing], [zeros]),
      makeNode('ReduceSum', [zeros], [zero], all),
    ];
  });
  const outputs = [...names.values()].flatMap(({ min, max, zero }) => [min, max, zero]);
  const initializers = new Map(model.graph.initializers).set(nothing, scalar(0));
  const graph = onlyFor({ ...model.graph, nodes: [...model.graph.nodes, ...nodes], initializers }, outputs);
  return { model: { ...model, graph }, names };
}

const only = (tensor: Tensor | undefined) => (tensor ? numbers(tensor)[0] : undefined) ?? Number.NaN;

/** The error for a value that has no usable range on a sample, with the node that gives it. */
function unusable(model: Model, value: string, sample: number | undefined, what: string): ServiceError {
  const source = model.graph.nodes.find(({ outputs }) => outputs.includes(value));
  const named = source ? `The result "${value}" of node "${source.name}" (${source.opType})` : `The input "${value}"`;
  return new ServiceError('model_run_failed', `${named} ${what} on calibration sample ${sample}.`, {
    phase: 'calibrate',
    ...(source && { node: { name: source.name, op_type: source.opType } }),
    hint: 'Check the preprocessing of the dataset (scale, offset), or exclude the node and those that read its result.',
  });
}

/**
 * Measures the extremes of each value over samples, which are run one by one: memory does not grow with their number.
 * @param pass is brought to its end from wherever it stands
 * @throws ServiceError dataset_too_small without one whole batch; model_run_failed naming node and sample when a value is not finite, or
 * spans more than a float32 can say; the reason of `signal` when it is aborted
 */
export async function measureExtremes(
  task: CalibrationTask,
  pass: Pass<Extremes> = { done: 0, found: new Map() },
): Promise<Map<string, Extremes>> {
  const rows = calibrationRows(task);
  const { model, names } = withExtremes(task.model, task.values);
  const { found: result } = pass;
  if (pass.done === rows.length) return result;
  const session = { threads: task.threads, scratch: task.scratch, optimization: REDUCING } as const;
  await withModelSession(model, session, async ({ run }) => {
    for (const [position, row] of [...rows.entries()].slice(pass.done)) {
      task.signal.throwIfAborted();
      const found = await run(await task.samples.feeds(row));
      for (const [value, scalars] of names) {
        const [min, max, zero] = [scalars.min, scalars.max, scalars.zero].map((name) => only(found.get(name))) as [
          number,
          number,
          number,
        ];
        if (zero !== 0) throw unusable(task.model, value, row[0], 'holds NaN or infinity');
        const { all, mean } = result.get(value) ?? { all: { min, max }, mean: { min, max } };
        const extremes = {
          all: { min: Math.min(all.min, min), max: Math.max(all.max, max) },
          // Running means: no sum that grows with the number of samples.
          mean: {
            min: mean.min + (min - mean.min) / (position + 1),
            max: mean.max + (max - mean.max) / (position + 1),
          },
        };
        if (!Number.isFinite(Math.fround(Math.max(extremes.all.max, 0) - Math.min(extremes.all.min, 0))))
          throw unusable(task.model, value, row[0], `spans more than 8 bits can divide (${min} to ${max})`);
        result.set(value, extremes);
      }
      pass.done = position + 1;
      await task.kept?.(pass.done, rows.length);
      task.progress(pass.done / rows.length);
    }
  });
  return result;
}
