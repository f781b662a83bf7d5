import type { Node } from '../../onnx/ir/graph.js';
import { type InputsOfWeight, measureInputProducts, productBytes } from '../calibration/input-products.js';
import type { CalibrationTask } from '../calibration/task.js';
import { tapGroups } from '../tapped-values.js';
import { inputsOfWeight } from '../weight-inputs.js';
import type { WeightLayout } from '../weight-layout.js';
import { weightOperands } from '../weight-operands.js';
import type { Shapes } from '../workload.js';

/** E[x·xᵀ] of what one output channel of a layer multiplies, up to a factor: [k, k], in the order of the layer's weight layout. */
export interface SecondMoments {
  readonly k: number;
  /** By group of a grouped convolution; one for every other layer. */
  readonly groups: readonly Float32Array[];
}

interface Layer {
  readonly node: Node;
  readonly layout: WeightLayout;
  readonly inputs: InputsOfWeight;
}

function layersOf({ layers, model: { graph }, shapes }: MomentTask): Layer[] {
  return layers.flatMap((node) => {
    const operand = weightOperands(node, graph).find(({ index }) => index === 1);
    const inputs = operand && inputsOfWeight(node, operand, graph, shapes);
    if (!operand || !inputs) return [];
    // Convolutions that share weights may read different values.
    const key = inputs.convolution ? `${node.name} ${inputs.key}` : inputs.key;
    return [{ node, layout: operand.layout, inputs: { ...inputs, key } }];
  });
}

/** Windows lie in the order of memory; the layout of a Conv has the channels innermost. */
function inLayoutOrder({ layout, inputs }: Layer, sums: readonly Float64Array[]): SecondMoments {
  const { k, convolution } = inputs;
  const at = Array.from({ length: k }, (_, i) => (convolution ? layout.index(0, i) : i));
  const ordered = (values: Float64Array) => {
    const result = new Float32Array(k * k);
    for (let row = 0; row < k; row++)
      for (let column = 0; column < k; column++)
        result[row * k + column] = values[(at[row] as number) * k + (at[column] as number)] as number;
    return result;
  };
  return { k, groups: sums.map(ordered) };
}

export interface MomentTask extends Omit<CalibrationTask, 'values'> {
  /** Conv, MatMul and Gemm with constant weights. */
  readonly layers: readonly Node[];
  readonly shapes: Shapes;
}

/**
 * Measures the second moments of the input of each layer, in groups of layers that fit a memory bound together, and hands each over
 * before the next are measured. Layers too wide to do that for are left out.
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function secondMoments(
  task: MomentTask,
  use: (layer: Node, moments: SecondMoments) => Promise<void>,
): Promise<void> {
  const layers = layersOf(task);
  const wanted = new Map(layers.map(({ inputs }) => [inputs.key, inputs]));
  const groups = tapGroups(new Map([...wanted].map(([key, inputs]) => [key, productBytes(inputs)])));
  for (const [index, keys] of groups.entries()) {
    const progress = (fraction: number) => task.progress((index + fraction) / groups.length);
    const inputs = [...wanted.values()].filter(({ key }) => keys.includes(key));
    const products = await measureInputProducts({ ...task, progress }, inputs);
    for (const layer of layers) {
      const sums = products.get(layer.inputs.key);
      if (sums) await use(layer.node, inLayoutOrder(layer, sums));
    }
  }
}
