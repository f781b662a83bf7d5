import { floatAttribute, type Graph, intAttribute, type Node } from '../onnx/ir/graph.js';
import { hasWeights, weightOperands } from './weight-operands.js';

/** Why integer kernels cannot do a node's arithmetic; null when they can. */
export type Obstacle = string | null;

const constant = (graph: Graph, name: string) =>
  name === '' || (graph.initializers.has(name) && !graph.inputs.some((input) => input.name === name));

/** What Conv, MatMul and Gemm have in common. */
function weightObstacle(node: Node, graph: Graph): Obstacle {
  const weight = weightOperands(node, graph).find((operand) => operand.index === 1);
  if (!weight) return 'Its second input is no constant float32 weight.';
  if (constant(graph, node.inputs[0] ?? '')) return 'Its first input is a constant.';
  if (node.opType === 'MatMul' && weight.tensor.dims.length !== 2)
    return 'Integer kernels take weights of two axes only.';
  if (node.opType === 'Gemm' && intAttribute(node, 'transA', 0) !== 0) return 'Its first input is transposed.';
  return null;
}

function biasObstacle(node: Node, graph: Graph): Obstacle {
  const name = node.inputs[2] ?? '';
  if (name === '') return null;
  const bias = graph.initializers.get(name);
  const channels = weightOperands(node, graph)[0]?.layout.channels;
  if (!constant(graph, name) || bias?.dtype !== 'float32') return 'Its bias is no constant.';
  return bias.dims.length === 1 && bias.dims[0] === channels ? null : 'Its bias is not one number per output channel.';
}

/** Whether a node can run in integer with calibrated ranges. */
export function staticObstacle(node: Node, graph: Graph): Obstacle {
  switch (hasWeights(node) ? node.opType : '') {
    case 'Conv':
      return weightObstacle(node, graph) ?? biasObstacle(node, graph);
    case 'MatMul':
      return weightObstacle(node, graph);
    case 'Gemm':
      if (floatAttribute(node, 'alpha', 1) !== 1 || floatAttribute(node, 'beta', 1) !== 1) {
        return 'The integer kernel takes alpha and beta of 1 only.';
      }
      return weightObstacle(node, graph) ?? biasObstacle(node, graph);
    default:
      return `ONNX Runtime has no integer kernel for ${node.opType} with calibrated ranges.`;
  }
}

/** Whether a node can run in integer with ranges measured on every run. */
export function dynamicObstacle(node: Node, graph: Graph): Obstacle {
  switch (hasWeights(node) ? node.opType : '') {
    case 'MatMul':
    case 'Gemm':
      return weightObstacle(node, graph);
    case 'Conv':
      return 'Dynamic INT8 convolutions (ConvInteger) have no fast kernel.';
    default:
      return `ONNX Runtime has no integer kernel for ${node.opType} with ranges measured on every run.`;
  }
}

/** Whether a node looks rows up in a constant table of two axes. */
export function isEmbedding(node: Node, graph: Graph): boolean {
  const table = weightOperands(node, graph)[0];
  return node.opType === 'Gather' && table?.tensor.dims.length === 2 && intAttribute(node, 'axis', 0) === 0;
}
