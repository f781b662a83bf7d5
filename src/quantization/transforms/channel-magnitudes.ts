import { node as makeNode, type Node, type Value } from '../../onnx/ir/graph.js';
import { elements, int64s } from '../../onnx/ir/tensor.js';
import { calibrationRows } from '../calibration/task.js';
import { MEASURING, withModelSession } from '../model-session.js';
import { freshNames } from '../names.js';
import type { TransformContext } from './transform.js';

/** A value, and the axis along which its channels lie. */
export interface ChannelsOf {
  readonly value: string;
  readonly axis: number;
}

/**
 * max |x_c|: the largest magnitude of each channel of each value over all samples, reduced inside the graph, so that memory depends
 * neither on samples nor on the size of a value. Values of unknown shape are left out.
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function channelMagnitudes(
  context: Omit<TransformContext, 'selected'>,
  channels: readonly ChannelsOf[],
): Promise<Map<string, Float32Array>> {
  const { model, shapes, signal, threads, scratch } = context;
  const fresh = freshNames(model.graph);
  const initializers = new Map(model.graph.initializers);
  const nodes: Node[] = [];
  const outputs: Value[] = [];
  const names = new Map<string, string>();
  for (const { value, axis } of channels) {
    const rank = shapes.get(value)?.dims.length;
    if (rank === undefined || names.has(value)) continue;
    const [sizes, largest] = [fresh(`${value}_magnitudes`), fresh(`${value}_largest`)];
    const axes = Array.from({ length: rank }, (_, index) => index).filter((index) => index !== axis);
    nodes.push(makeNode('Abs', [value], [sizes]));
    if ((model.opsets.get('') ?? 0) >= REDUCE_AXES_ARE_INPUTS) {
      const operand = fresh(`${value}_axes`);
      initializers.set(operand, int64s(axes));
      nodes.push(makeNode('ReduceMax', [sizes, operand], [largest], { attributes: { keepdims: 0 } }));
    } else nodes.push(makeNode('ReduceMax', [sizes], [largest], { attributes: { axes, keepdims: 0 } }));
    outputs.push({ name: largest, type: { kind: 'tensor', dtype: 'float32', shape: null } });
    names.set(value, largest);
  }
  const result = new Map<string, Float32Array>();
  if (names.size === 0) return result;
  const graph = { ...model.graph, nodes: [...model.graph.nodes, ...nodes], initializers, outputs };
  const session = { threads, scratch, optimization: MEASURING } as const;
  await withModelSession({ ...model, graph }, session, async ({ run }) => {
    for (const row of calibrationRows({ indices: context.calibration, samples: context.samples })) {
      signal.throwIfAborted();
      const found = await run(await context.samples.feeds(row));
      for (const [value, name] of names) {
        const tensor = found.get(name);
        if (!tensor) throw new Error(`the run did not give ${name}`);
        const next = elements(tensor, 'float32');
        const known = result.get(value);
        result.set(value, known ? known.map((size, c) => Math.max(size, next[c] as number)) : next.slice());
      }
    }
  });
  return result;
}

/** From this operator set on, the axes of ReduceMax are an input. */
const REDUCE_AXES_ARE_INPUTS = 18;
