import { type Model, node as makeNode, type Node } from '../../onnx/ir/graph.js';
import { numbers } from '../../onnx/ir/numbers.js';
import { int64s, type Tensor } from '../../onnx/ir/tensor.js';
import { MEASURING, withModelSession } from '../model-session.js';
import { freshNames } from '../names.js';
import { latestFirst, onlyFor } from '../tapped-values.js';
import { type CalibrationTask, calibrationRows } from './task.js';

/** A value, and the axis along which its channels lie. */
export interface ChannelsOf {
  readonly value: string;
  readonly axis: number;
  readonly rank: number;
}

/** The model with the sum over everything but the channel, and the size, of each value as its only outputs. */
function withSums(model: Model, channels: readonly ChannelsOf[]) {
  const fresh = freshNames(model.graph);
  const initializers = new Map(model.graph.initializers);
  const nodes: Node[] = [];
  const byValue = new Map(channels.map((each) => [each.value, each]));
  const names = latestFirst(model.graph, [...byValue.keys()]).map((value) => {
    const { axis, rank } = byValue.get(value) as ChannelsOf;
    const [sum, size, axes] = [fresh(`${value}_sum`), fresh(`${value}_size`), fresh(`${value}_axes`)];
    const others = Array.from({ length: rank }, (_, index) => index).filter((index) => index !== axis);
    initializers.set(axes, int64s(others));
    nodes.push(
      makeNode('ReduceSum', [value, axes], [sum], { attributes: { keepdims: 0 } }),
      makeNode('Size', [value], [size]),
    );
    return { value, sum, size };
  });
  const outputs = names.flatMap(({ sum, size }) => [sum, size]);
  const graph = onlyFor({ ...model.graph, nodes: [...model.graph.nodes, ...nodes], initializers }, outputs);
  return { model: { ...model, graph }, names };
}

const read = (found: ReadonlyMap<string, Tensor>, name: string): ArrayLike<number> => {
  const tensor = found.get(name);
  if (!tensor) throw new Error(`the run did not give ${name}`);
  return numbers(tensor);
};

/**
 * E[x_c]: the mean of each channel of each value over all samples, in constant memory.
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function measureInputMeans(
  task: Omit<CalibrationTask, 'values'>,
  channels: readonly ChannelsOf[],
): Promise<Map<string, Float64Array>> {
  const totals = new Map<string, { sums: Float64Array; count: number }>();
  if (channels.length === 0) return new Map();
  const rows = calibrationRows(task);
  const { model, names } = withSums(task.model, channels);
  const session = { threads: task.threads, scratch: task.scratch, optimization: MEASURING } as const;
  await withModelSession(model, session, async ({ run }) => {
    for (const [position, row] of rows.entries()) {
      task.signal.throwIfAborted();
      const found = await run(await task.samples.feeds(row));
      for (const { value, sum, size } of names) {
        const sums = read(found, sum);
        const total = totals.get(value) ?? { sums: new Float64Array(sums.length), count: 0 };
        for (let channel = 0; channel < sums.length; channel++)
          (total.sums[channel] as number) += sums[channel] as number;
        total.count += (read(found, size)[0] ?? 0) / sums.length;
        totals.set(value, total);
      }
      task.progress((position + 1) / rows.length);
    }
  });
  return new Map([...totals].map(([value, { sums, count }]) => [value, sums.map((sum) => sum / Math.max(1, count))]));
}
