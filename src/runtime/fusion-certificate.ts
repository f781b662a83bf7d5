import type { Graph, Model, Node } from '../onnx/ir/graph.js';

/** ONNX Runtime's integer kernels, and the operators of a model whose work each does (the ones that count, not an absorbed Relu). */
const INTEGER_KERNELS: Readonly<Record<string, readonly string[]>> = {
  QLinearConv: ['Conv', 'QLinearConv'],
  ConvInteger: ['ConvInteger'],
  QLinearMatMul: ['MatMul', 'QLinearMatMul'],
  MatMulInteger: ['MatMulInteger'],
  MatMulIntegerToFloat: ['MatMul', 'MatMulInteger'],
  DynamicQuantizeMatMul: ['MatMul', 'MatMulInteger'],
  MatMulNBits: ['MatMul', 'MatMulNBits'],
  // ONNX Runtime first makes a Gemm of a MatMul and the Add of its bias.
  QGemm: ['Gemm', 'MatMul'],
  QLinearAdd: ['Add'],
  QLinearMul: ['Mul'],
  QLinearConcat: ['Concat'],
  QLinearWhere: ['Where'],
  QLinearSoftmax: ['Softmax'],
  QLinearSigmoid: ['Sigmoid'],
  QLinearLeakyRelu: ['LeakyRelu'],
  QLinearAveragePool: ['AveragePool'],
  QLinearGlobalAveragePool: ['GlobalAveragePool'],
  QAttention: ['Attention', 'QAttention'],
  DynamicQuantizeLSTM: ['LSTM', 'DynamicQuantizeLSTM'],
};

export interface FusionCertificate {
  /** The integer kernel that does a node's work, by the node (as an object) of the given model; float nodes are absent. */
  readonly kernels: ReadonlyMap<Node, string>;
  /** QuantizeLinear and DequantizeLinear nodes that are executed as such: at best one of each where integer meets float. */
  readonly quantizeLinear: number;
  readonly dequantizeLinear: number;
  /** How many nodes of each operator are executed. */
  readonly operators: ReadonlyMap<string, number>;
}

function histogram(graph: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { opType } of graph.nodes) counts.set(opType, (counts.get(opType) ?? 0) + 1);
  return counts;
}

/**
 * Which nodes of a quantized model run in integer kernels, from the graph that ONNX Runtime executes (`executedGraph`). A kernel is
 * traced back over the values that fusion did not rename: from its output, or where that is new, from its own name, which a fused
 * node inherits. The nearest node behind it whose work the kernel can do is the one.
 */
export function fusionCertificate(model: Model, executed: Model): FusionCertificate {
  const producers = new Map<string, Node>();
  const byName = new Map<string, Node>();
  for (const node of model.graph.nodes) {
    for (const output of node.outputs) producers.set(output, node);
    if (node.name !== '') byName.set(node.name, node);
  }
  const live = new Set(executed.graph.nodes.flatMap((node) => node.outputs));

  const nearest = (kernel: Node, opTypes: readonly string[]): Node | undefined => {
    const queue = [...kernel.outputs];
    const seen = new Set<string>(kernel.inputs);
    for (let value = queue.shift(); value !== undefined; value = queue.shift()) {
      const node = producers.get(value);
      if (!node) continue;
      if (opTypes.includes(node.opType)) return node;
      const behind = node.inputs.filter((input) => !seen.has(input) && !live.has(input));
      for (const input of behind) seen.add(input);
      queue.push(...behind);
    }
    const namesake = byName.get(kernel.name) ?? byName.get(kernel.name.replace(/_quant$/, ''));
    return namesake && opTypes.includes(namesake.opType) ? namesake : undefined;
  };

  const kernels = new Map<Node, string>();
  for (const kernel of executed.graph.nodes) {
    const opTypes = Object.hasOwn(INTEGER_KERNELS, kernel.opType) ? INTEGER_KERNELS[kernel.opType] : undefined;
    const node = opTypes && nearest(kernel, opTypes);
    if (node) kernels.set(node, kernel.opType);
  }
  const operators = histogram(executed.graph);
  return {
    kernels,
    quantizeLinear: operators.get('QuantizeLinear') ?? 0,
    dequantizeLinear: operators.get('DequantizeLinear') ?? 0,
    operators,
  };
}
