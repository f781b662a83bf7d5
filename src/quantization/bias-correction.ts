import { type Graph, intAttribute, type Node } from '../onnx/ir/graph.js';
import { elements } from '../onnx/ir/tensor.js';
import type { ChannelsOf } from './calibration/input-means.js';
import type { Plan } from './plan.js';
import { weightOperands } from './weight-operands.js';
import type { QuantizedWeights } from './weights.js';

/** Operators whose bias is an input of their own, and the axis along which the channels of their activation lie. */
const CHANNEL_AXIS: Readonly<Record<string, number>> = { Conv: 1, Gemm: 1 };

/** The inputs whose channel means the correction of a plan needs. */
export function correctedInputs(plan: Plan): ChannelsOf[] {
  const inputs = new Map<string, ChannelsOf>();
  for (const { node, treatment } of plan.decisions.values()) {
    const axis = CHANNEL_AXIS[node.opType];
    const value = node.inputs[0] ?? '';
    const rank = weightOperands(node, plan.graph).find(({ index }) => index === 1)?.tensor.dims.length;
    if (treatment === 'static' && axis !== undefined && rank !== undefined) inputs.set(value, { value, axis, rank });
  }
  return [...inputs.values()];
}

/** The input channel that weight `k` of an output channel multiplies, in the order of the weight's layout. */
function inputChannel(node: Node, graph: Graph, outputChannels: number): (channel: number, k: number) => number {
  if (node.opType !== 'Conv') return (_, k) => k;
  const perGroup = weightOperands(node, graph)[0]?.tensor.dims[1] ?? 1;
  const outputsPerGroup = outputChannels / intAttribute(node, 'group', 1);
  // convLayout runs over kernel positions with the input channels innermost.
  return (channel, k) => Math.floor(channel / outputsPerGroup) * perGroup + (k % perGroup);
}

/**
 * What to add to the bias so that the mean of each output channel is right again: Σ_{c,k} (W − Ŵ)[o,c,k] · E[x_c], with Ŵ the weights
 * that are stored (Nagel et al., "Data-Free Quantization", 2019, section 4.2). Exact for the weights' error, except at padded borders,
 * where zeros stand in for the mean.
 * @param means E[x_c] of the node's input
 */
export function biasCorrection(
  node: Node,
  graph: Graph,
  quantized: QuantizedWeights,
  means: Float64Array,
): Float64Array {
  const operand = weightOperands(node, graph).find(({ index }) => index === 1);
  if (!operand) throw new Error(`${node.name} has no constant weights`);
  const { layout, tensor } = operand;
  const weights = elements(tensor, 'float32');
  const channelOf = inputChannel(node, graph, layout.channels);
  return Float64Array.from({ length: layout.channels }, (_, channel) => {
    const scale = quantized.scales[quantized.perChannel ? channel : 0] as number;
    let correction = 0;
    for (let k = 0; k < layout.k; k++) {
      const at = layout.index(channel, k);
      const lost = (weights[at] as number) - scale * (quantized.integers[at] as number);
      correction += lost * (means[channelOf(channel, k)] as number);
    }
    return correction;
  });
}
