import { intAttribute, type Node, type Value } from '../../onnx/ir/graph.js';
import { BITS, elements } from '../../onnx/ir/tensor.js';
import { type CalibrationTask, calibrationRows } from '../calibration/task.js';
import { MEASURING, withModelSession } from '../model-session.js';
import { freshNames } from '../names.js';
import { tapGroups } from '../tapped-values.js';
import type { WeightLayout } from '../weight-layout.js';
import { type WeightOperand, weightOperands } from '../weight-operands.js';
import type { Shapes } from '../workload.js';
import { MomentBuilder } from './moment-builder.js';

/** E[x·xᵀ] of what one output channel of a layer multiplies: [k, k], in the order of the layer's weight layout. */
export interface SecondMoments {
  readonly k: number;
  /** By group of a grouped convolution; one for every other layer. */
  readonly groups: readonly Float32Array[];
}

/** Beyond this K the matrix alone takes 64 MiB. */
const LARGEST_K = 4096;

interface Tap {
  readonly node: Node;
  readonly output: string;
  readonly groups: number;
  readonly k: number;
  readonly layout: WeightLayout;
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
    return [{ node, operand, groups: isConv ? intAttribute(node, 'group', 1) : 1 }];
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
