import { type Model, node as makeNode, type Value } from '../onnx/ir/graph.js';
import { numbers } from '../onnx/ir/numbers.js';
import type { Tensor } from '../onnx/ir/tensor.js';
import { ServiceError } from '../platform/errors.js';
import { MEASURING, withModelSession } from './model-session.js';
import { freshNames } from './names.js';
import type { Range } from './parameters.js';
import { type CalibrationMethod, RangeCollector } from './ranges.js';
import { type QuantizationSamples, sampleRows } from './samples.js';

export interface CalibrationOptions {
  readonly model: Model;
  /** Float values of the main graph whose ranges are wanted. */
  readonly values: readonly string[];
  readonly samples: QuantizationSamples;
  readonly indices: readonly number[];
  readonly method: CalibrationMethod;
  readonly threads: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
  readonly progress: (fraction: number) => void;
}

const scalarOutput = (name: string): Value => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: [] } });

/** The model with the minimum and maximum of each value as its only outputs: scalars, however large the value is. */
function withExtremes(
  model: Model,
  values: readonly string[],
): { model: Model; names: ReadonlyMap<string, [string, string]> } {
  const fresh = freshNames(model.graph);
  const names = new Map(
    values.map((value): [string, [string, string]] => [value, [fresh(`${value}_min`), fresh(`${value}_max`)]]),
  );
  const reductions = [...names].flatMap(([value, [min, max]]) => [
    makeNode('ReduceMin', [value], [min], { attributes: { keepdims: 0 } }),
    makeNode('ReduceMax', [value], [max], { attributes: { keepdims: 0 } }),
  ]);
  const outputs = [...names.values()].flat().map(scalarOutput);
  return {
    model: { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes, ...reductions], outputs } },
    names,
  };
}

const only = (tensor: Tensor | undefined) => (tensor ? numbers(tensor)[0] : undefined);

/**
 * Measures the range of each value over samples, which are run one by one: memory does not grow with their number.
 * @throws ServiceError dataset_too_small without one whole batch; model_run_failed naming the value that is not finite; the reason of `signal` when it is aborted
 */
export async function calibrate(options: CalibrationOptions): Promise<Map<string, Range>> {
  const collector = new RangeCollector(options.method);
  if (options.values.length === 0) return collector.ranges();
  const { model, names } = withExtremes(options.model, options.values);
  const rows = sampleRows(options.indices, options.samples);
  if (rows.length === 0) {
    throw new ServiceError(
      'dataset_too_small',
      `Calibration has ${options.indices.length} samples, less than one batch.`,
      {
        hint: `The model takes ${options.samples.batch ?? 1} samples at a time: add samples, or widen the calibration split.`,
      },
    );
  }
  await withModelSession(
    model,
    { threads: options.threads, scratch: options.scratch, optimization: MEASURING },
    async (session) => {
      for (const [position, row] of rows.entries()) {
        options.signal.throwIfAborted();
        const found = await session.run(await options.samples.feeds(row));
        for (const [value, [minName, maxName]] of names) {
          const min = only(found.get(minName));
          const max = only(found.get(maxName));
          if (min === undefined || max === undefined || !Number.isFinite(min) || !Number.isFinite(max)) {
            throw new ServiceError('model_run_failed', `"${value}" is not finite on calibration sample ${row[0]}.`, {
              phase: 'calibrate',
              hint: 'Check the preprocessing of the dataset (scale, offset), or exclude the node that reads this value.',
            });
          }
          collector.add(value, { min, max });
        }
        options.progress((position + 1) / rows.length);
      }
    },
  );
  return collector.ranges();
}
