import { INTEGER_OPERATORS, ROW_OPERATORS } from '../contracts/operators.js';
import { floatAttribute, type Graph, intAttribute, type Node } from '../onnx/ir/graph.js';
import type { IntegerArithmetic } from './plan.js';
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

const listed = (operators: readonly string[], node: Node) => hasWeights(node) && operators.includes(node.opType);

/** Why a node cannot run in integer with calibrated ranges. */
function staticObstacle(node: Node, graph: Graph): Obstacle {
  if (!listed(INTEGER_OPERATORS.static, node)) {
    return `ONNX Runtime has no integer kernel for ${node.opType} with calibrated ranges.`;
  }
  if (node.opType === 'MatMul') return weightObstacle(node, graph);
  const scaled = floatAttribute(node, 'alpha', 1) !== 1 || floatAttribute(node, 'beta', 1) !== 1;
  if (node.opType === 'Gemm' && scaled) return 'The integer kernel takes alpha and beta of 1 only.';
  return weightObstacle(node, graph) ?? biasObstacle(node, graph);
}

/** Why a node cannot run in integer with ranges measured on every run. */
function dynamicObstacle(node: Node, graph: Graph): Obstacle {
  if (listed(INTEGER_OPERATORS.dynamic, node)) return weightObstacle(node, graph);
  return node.opType === 'Conv'
    ? 'Dynamic INT8 convolutions (ConvInteger) have no fast kernel.'
    : `ONNX Runtime has no integer kernel for ${node.opType} with ranges measured on every run.`;
}

/** Whether a node can multiply int8 or int4 weights as they are stored. */
function weightsObstacle(node: Node, graph: Graph): Obstacle {
  if (listed(INTEGER_OPERATORS.weights8, node)) return weightObstacle(node, graph);
  return `ONNX Runtime has no kernel for ${node.opType} that reads compressed weights.`;
}

/** By arithmetic, why a node cannot run in it. */
export const OBSTACLES: Readonly<Record<IntegerArithmetic, (node: Node, graph: Graph) => Obstacle>> = {
  static: staticObstacle,
  dynamic: dynamicObstacle,
  weights8: weightsObstacle,
  weights4: weightsObstacle,
};

/** Whether a node looks rows up in a constant table of two axes. */
export function isEmbedding(node: Node, graph: Graph): boolean {
  const table = weightOperands(node, graph)[0];
  return listed(ROW_OPERATORS, node) && table?.tensor.dims.length === 2 && intAttribute(node, 'axis', 0) === 0;
}
