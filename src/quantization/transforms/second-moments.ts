import { node as makeNode, type Node, type Value } from '../../onnx/ir/graph.js';
import { BITS, elementCount, elements, floats, int64s, type Tensor } from '../../onnx/ir/tensor.js';
import { type CalibrationTask, calibrationRows } from '../calibration/task.js';
import { MEASURING, withModelSession } from '../model-session.js';
import { freshNames } from '../names.js';
import { tapGroups } from '../tapped-values.js';
import type { WeightLayout } from '../weight-layout.js';
import { type WeightOperand, weightOperands } from '../weight-operands.js';
import type { Shapes } from '../workload.js';

/** E[x·xᵀ] of what one output channel of a layer multiplies: [k, k], in the order of the layer's weight layout. */
export interface SecondMoments {
  readonly k: number;
  /** By group of a grouped convolution; one for every other layer. */
  readonly groups: readonly Float32Array[];
}

/** Rows of x that one sample contributes at the most: neighbours say much the same. */
const MOST_ROWS = 256;
/** Beyond this K the matrix alone takes 64 MiB. */
const LARGEST_K = 4096;

interface Tap {
  readonly node: Node;
  readonly output: string;
  readonly groups: number;
  readonly k: number;
  readonly layout: WeightLayout;
}

const groupsOf = (node: Node): number => {
  const group = node.attributes.get('group');
  return group?.kind === 'int' ? Number(group.value) : 1;
};

/** The nodes and constants that make XᵀX of a layer's input: [groups, k, k]. */
class MomentBuilder {
  readonly nodes: Node[] = [];
  readonly constants = new Map<string, Tensor>();

  constructor(
    readonly fresh: (hint: string) => string,
    readonly shapes: Shapes,
  ) {}

  /** XᵀX of rows [groups, k, rows]. */
  #product(rows: string): string {
    const [transposed, product] = [this.fresh(`${rows}_transposed`), this.fresh(`${rows}_moments`)];
    this.nodes.push(
      makeNode('Transpose', [rows], [transposed], { attributes: { perm: [0, 2, 1] } }),
      makeNode('MatMul', [rows, transposed], [product]),
    );
    return product;
  }

  #constant(hint: string, value: Tensor): string {
    const name = this.fresh(hint);
    this.constants.set(name, value);
    return name;
  }

  #reshaped(value: string, shape: readonly number[]): string {
    const output = this.fresh(`${value}_rows`);
    this.nodes.push(makeNode('Reshape', [value, this.#constant(`${value}_shape`, int64s(shape))], [output]));
    return output;
  }

  /** Every n-th along an axis, so that at most MOST_ROWS are left. */
  #thinned(value: string, axis: number, size: number): string {
    const step = Math.ceil(size / MOST_ROWS);
    if (step <= 1) return value;
    const output = this.fresh(`${value}_thinned`);
    const operands = [[0], [size], [axis], [step]].map((each) => this.#constant(`${value}_slice`, int64s(each)));
    this.nodes.push(makeNode('Slice', [value, ...operands], [output]));
    return output;
  }

  /** Rows of a product are those of its input. */
  matrix(node: Node, k: number): string {
    const value = node.inputs[0] ?? '';
    const rows = elementCount(this.shapes.get(value)?.dims ?? [0]) / k;
    const flat = this.#thinned(this.#reshaped(value, [1, -1, k]), 1, rows);
    const columns = this.fresh(`${value}_columns`);
    this.nodes.push(makeNode('Transpose', [flat], [columns], { attributes: { perm: [0, 2, 1] } }));
    return this.#product(columns);
  }

  /**
   * Rows of a convolution are its patches. A convolution whose weights are the identity lays them out, padding included; longer strides
   * thin them.
   */
  patches(node: Node, weight: Tensor): string {
    const [, inputs = 1, ...kernel] = weight.dims;
    const groups = groupsOf(node);
    const k = inputs * elementCount(kernel);
    const identity = new Float32Array(groups * k * k);
    for (let row = 0; row < groups * k; row++) identity[row * k + (row % k)] = 1;
    const spatial = this.shapes.get(node.outputs[0] ?? '')?.dims.slice(2) ?? [];
    const wider = Math.max(1, Math.ceil((elementCount(spatial) / MOST_ROWS) ** (1 / kernel.length)));
    const given = node.attributes.get('strides');
    const strides = kernel.map((_, axis) => (given?.kind === 'ints' ? Number(given.value[axis]) : 1) * wider);
    const patches = this.fresh(`${node.outputs[0]}_patches`);
    const constant = this.#constant(`${patches}_identity`, floats(identity, [groups * k, inputs, ...kernel]));
    const laidOut = makeNode('Conv', [node.inputs[0] ?? '', constant], [patches], { attributes: { strides } });
    const attributes = new Map([...node.attributes, ...laidOut.attributes]);
    const first = this.fresh(`${patches}_first`);
    const perm = [1, 0, ...kernel.map((_, axis) => axis + 2)];
    this.nodes.push(
      Object.freeze({ ...laidOut, attributes }),
      makeNode('Transpose', [patches], [first], { attributes: { perm } }),
    );
    return this.#product(this.#reshaped(first, [groups, k, -1]));
  }
}

/** A layer whose moments can be measured. Those with auto_pad choose their padding by the stride, so longer strides would move it. */
interface Layer {
  readonly node: Node;
  readonly operand: WeightOperand;
  readonly groups: number;
}

function layersOf({ layers, model }: MomentTask): Layer[] {
  return layers.flatMap((node) => {
    const operand = weightOperands(node, model.graph).find(({ index }) => index === 1);
    const isConv = node.opType === 'Conv';
    if (!operand || operand.layout.k > LARGEST_K || (isConv && node.attributes.has('auto_pad'))) return [];
    return [{ node, operand, groups: isConv ? groupsOf(node) : 1 }];
  });
}

function tapOf({ node, operand: { layout, tensor }, groups }: Layer, builder: MomentBuilder): Tap {
  const output = node.opType === 'Conv' ? builder.patches(node, tensor) : builder.matrix(node, layout.k);
  return { node, output, layout, k: layout.k, groups };
}

/** Patches lie in the order of memory; the layout of a Conv has the channels innermost. */
function inLayoutOrder({ node, k, layout, groups }: Tap, sums: Float64Array, samples: number): SecondMoments {
  const at = Array.from({ length: k }, (_, i) => (node.opType === 'Conv' ? layout.index(0, i) : i));
  return {
    k,
    groups: Array.from({ length: groups }, (_, group) => {
      const ordered = new Float32Array(k * k);
      for (let row = 0; row < k; row++)
        for (let column = 0; column < k; column++)
          ordered[row * k + column] =
            (sums[(group * k + (at[row] as number)) * k + (at[column] as number)] as number) / samples;
      return ordered;
    }),
  };
}

export interface MomentTask extends Omit<CalibrationTask, 'values'> {
  /** Conv, MatMul and Gemm with constant weights. */
  readonly layers: readonly Node[];
  readonly shapes: Shapes;
}

/**
 * Measures E[x·xᵀ] of the input of each layer, up to a factor, in groups of layers that fit a memory bound together, and hands each over
 * before the next are measured. Products are summed inside the graph. Layers too wide to do that for are left out.
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function secondMoments(
  task: MomentTask,
  use: (layer: Node, moments: SecondMoments) => Promise<void>,
): Promise<void> {
  const { model, samples, signal, threads, scratch } = task;
  const fresh = freshNames(model.graph);
  const layers = layersOf(task);
  const bytes = ({ groups: count, operand: { layout } }: Layer) => (count * layout.k ** 2 * BITS.float64) / 8;
  const groups = tapGroups(new Map(layers.map((layer) => [layer.node.name, bytes(layer)])));
  const rows = calibrationRows(task);
  for (const [index, names] of groups.entries()) {
    const builder = new MomentBuilder(fresh, task.shapes);
    const tapped = layers.filter(({ node }) => names.includes(node.name)).map((layer) => tapOf(layer, builder));
    const outputs = tapped.map(
      ({ output }): Value => ({
        name: output,
        type: { kind: 'tensor', dtype: 'float32', shape: null },
      }),
    );
    const graph = {
      ...model.graph,
      nodes: [...model.graph.nodes, ...builder.nodes],
      initializers: new Map([...model.graph.initializers, ...builder.constants]),
      outputs,
    };
    const sums = new Map(tapped.map(({ output, groups: count, k }) => [output, new Float64Array(count * k * k)]));
    await withModelSession({ ...model, graph }, { threads, scratch, optimization: MEASURING }, async ({ run }) => {
      for (const [position, row] of rows.entries()) {
        signal.throwIfAborted();
        for (const [output, tensor] of await run(await samples.feeds(row))) {
          const total = sums.get(output);
          elements(tensor, 'float32').forEach((value, i) => {
            if (total) (total[i] as number) += value;
          });
        }
        task.progress((index + (position + 1) / rows.length) / groups.length);
      }
    });
    for (const tap of tapped)
      await use(tap.node, inLayoutOrder(tap, sums.get(tap.output) as Float64Array, rows.length));
  }
}
