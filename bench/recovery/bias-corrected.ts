import type { Samples } from '../../src/datasets/samples.js';
import { cloneModel } from '../../src/onnx/ir/clone.js';
import type { Model } from '../../src/onnx/ir/graph.js';
import { elements, floats } from '../../src/onnx/ir/tensor.js';
import type { Plan } from '../../src/quantization/plan.js';
import { measureBiasShifts } from '../../src/quantization/transforms/empirical-bias.js';

/** Where the bias of an operator stands among its inputs. */
const BIAS = 2;

/**
 * Weights in few bits with the biases moved so that each layer's channels have the mean of the float model's, layer after layer: empirical bias
 * correction (Nagel et al., "Data-Free Quantization", 2019, appendix D), which Modelpress itself has for int8_static only.
 */
export async function biasCorrected(
  { model: quantized, cleaned: float }: { readonly model: Model; readonly cleaned: Model },
  samples: Samples,
  indices: readonly number[],
  scratch: string,
): Promise<Model> {
  const decided = float.graph.nodes.map((node) => [node, { node, treatment: 'static', reason: null }] as const);
  const plan: Plan = {
    ...{ graph: float.graph, decisions: new Map(decided), quantizedResults: new Map() },
    ...{ absorbed: new Set(), sharedScale: new Map() },
  };
  const shifts = await measureBiasShifts({
    ...{ float, quantized, plan, samples, indices, scratch, threads: 1 },
    signal: new AbortController().signal,
    progress: () => {},
  });
  const corrected = cloneModel(quantized);
  const { graph } = corrected;
  graph.nodes = graph.nodes.map((node) => {
    const shift = node.opType === 'Conv' || node.opType === 'Gemm' ? shifts.get(node.name) : undefined;
    if (!shift) return node;
    const bias = graph.initializers.get(node.inputs[BIAS] ?? '');
    const values = bias ? elements(bias, 'float32') : new Float32Array(shift.length);
    const name = `${node.name}_corrected_bias`;
    graph.initializers.set(name, floats(values.map((value, i) => value + (shift[i] ?? 0))));
    return Object.freeze({ ...node, inputs: [node.inputs[0] ?? '', node.inputs[1] ?? '', name] });
  });
  return corrected;
}
