import { type Model, node as makeNode, type Node, type Value } from '../../onnx/ir/graph.js';
import { elements, floats, int64s, type Tensor } from '../../onnx/ir/tensor.js';
import { MEASURING, withModelSession } from '../model-session.js';
import { freshNames } from '../names.js';
import { type CalibrationTask, calibrationRows } from './task.js';

/** The inputs that one weight is multiplied by: rows of a matrix, or the windows of a convolution, by group. */
export interface InputsOfWeight {
  /** Equal keys have equal products. */
  readonly key: string;
  readonly value: string;
  readonly groups: number;
  readonly k: number;
  /** The convolution itself, for its windows; null for a matrix whose last axis is K. */
  readonly convolution: {
    readonly node: Node;
    readonly dims: readonly number[];
    readonly stride: readonly number[];
  } | null;
}

/** A graph in the making, which gets nodes and constants added. */
interface Extension {
  readonly nodes: Node[];
  readonly initializers: Map<string, Tensor>;
  readonly fresh: (hint: string) => string;
}

/** Weights that copy: one output channel for each weight of a window, channels outermost, as the convolution's own weights lie in memory. */
function copyingWeights(groups: number, k: number, dims: readonly number[]): Tensor {
  const values = new Float32Array(groups * k * k);
  for (let row = 0; row < groups * k; row++) values[row * k + (row % k)] = 1;
  return floats(values, [groups * k, ...dims.slice(1)]);
}

/** Adds the windows of a convolution as [groups, K, positions]. */
function addWindows({ nodes, initializers, fresh }: Extension, inputs: InputsOfWeight): string {
  const { convolution, groups, k, value } = inputs;
  if (!convolution) throw new Error(`${value} has no windows`);
  const { node, dims, stride } = convolution;
  const [weights, shape] = [fresh('copying'), fresh('by_group')];
  const [windows, turned, grouped] = [fresh('windows'), fresh('turned'), fresh('grouped')];
  initializers.set(weights, copyingWeights(groups, k, dims));
  initializers.set(shape, int64s([groups, k, -1]));
  const attributes = { ...Object.fromEntries(node.attributes), strides: stride };
  const perm = [1, 0, ...dims.slice(2).map((_, axis) => axis + 2)];
  nodes.push(
    makeNode('Conv', [value, weights], [windows], { attributes }),
    makeNode('Transpose', [windows], [turned], { attributes: { perm } }),
    makeNode('Reshape', [turned, shape], [grouped]),
  );
  return grouped;
}

/** Adds X Xᵀ as [groups, K, K]. */
function addProducts(extension: Extension, inputs: InputsOfWeight): string {
  const { nodes, initializers, fresh } = extension;
  const [other, product] = [fresh('other'), fresh('products')];
  if (inputs.convolution) {
    const windows = addWindows(extension, inputs);
    nodes.push(
      makeNode('Transpose', [windows], [other], { attributes: { perm: [0, 2, 1] } }),
      makeNode('MatMul', [windows, other], [product]),
    );
    return product;
  }
  const [shape, rows] = [fresh('as_rows'), fresh('rows')];
  initializers.set(shape, int64s([-1, inputs.k]));
  nodes.push(
    makeNode('Reshape', [inputs.value, shape], [rows]),
    makeNode('Transpose', [rows], [other], { attributes: { perm: [1, 0] } }),
    makeNode('MatMul', [other, rows], [product]),
  );
  return product;
}

function withProducts(model: Model, wanted: readonly InputsOfWeight[]): { model: Model; names: Map<string, string> } {
  const extension: Extension = {
    nodes: [],
    initializers: new Map(model.graph.initializers),
    fresh: freshNames(model.graph),
  };
  const names = new Map(wanted.map((inputs): [string, string] => [inputs.key, addProducts(extension, inputs)]));
  const outputs = [...names.values()].map((name): Value => {
    return { name, type: { kind: 'tensor', dtype: 'float32', shape: null } };
  });
  const nodes = [...model.graph.nodes, ...extension.nodes];
  const graph = { ...model.graph, nodes, initializers: extension.initializers, outputs };
  return { model: { ...model, graph }, names };
}

/** Sums of products of the inputs of weights, by key: one matrix of K x K, by rows, for each group. */
export type InputProducts = ReadonlyMap<string, readonly Float64Array[]>;

/** Bytes that one run gives of the products. */
export const productBytes = ({ groups, k }: InputsOfWeight): number => groups * k * k * Float32Array.BYTES_PER_ELEMENT;

/**
 * Σ x xᵀ over all samples (and rows, or positions), summed in float64.
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function measureInputProducts(
  task: Omit<CalibrationTask, 'values'>,
  wanted: readonly InputsOfWeight[],
): Promise<InputProducts> {
  const sums = new Map(
    wanted.map(({ key, groups, k }): [string, Float64Array[]] => {
      return [key, Array.from({ length: groups }, () => new Float64Array(k * k))];
    }),
  );
  const rows = calibrationRows(task);
  const session = { threads: task.threads, scratch: task.scratch, optimization: MEASURING } as const;
  const { model, names } = withProducts(task.model, wanted);
  await withModelSession(model, session, async ({ run }) => {
    for (const [position, row] of rows.entries()) {
      task.signal.throwIfAborted();
      const found = await run(await task.samples.feeds(row));
      for (const [key, name] of names) {
        const product = found.get(name);
        if (!product) throw new Error(`the run did not give ${name}`);
        const values = elements(product, 'float32');
        for (const [group, sum] of (sums.get(key) ?? []).entries()) {
          const start = group * sum.length;
          for (let i = 0; i < sum.length; i++) (sum[i] as number) += values[start + i] as number;
        }
      }
      task.progress((position + 1) / rows.length);
    }
  });
  return sums;
}
