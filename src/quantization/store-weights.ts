import { type Graph, node as makeNode } from '../onnx/ir/graph.js';
import { elementCount, elements, floats, tensor } from '../onnx/ir/tensor.js';
import type { Plan } from './plan.js';
import { type WeightOperand, weightOperands } from './weight-operands.js';
import { quantizeWeights } from './weights.js';

const FLOAT32 = 1;
/** Below this many elements the two nodes that restore a weight take as many bytes as they save. */
export const LEAST_STORED_ELEMENTS = 512;

/** The shape that makes one scale per channel broadcast against the weight. */
function scaleShape({ tensor: { dims }, layout }: WeightOperand): number[] {
  // Recurrent weights: channels are the first two axes together.
  if (layout.axis === 0 && layout.channels !== dims[0]) return [...dims.slice(0, 2), ...dims.slice(2).map(() => 1)];
  return dims.map((dim, axis) => (axis === layout.axis ? dim : 1));
}

/**
 * Stores the weights of nodes that stay in float as int8, and restores them by Cast and Mul under the name they had: ONNX Runtime folds
 * both when it loads the model, so the node runs as before. (DequantizeLinear before a Conv is not folded; never write that.)
 */
export function storeWeights(graph: Graph, plan: Plan, fresh: (hint: string) => string): void {
  const operands = new Map<string, WeightOperand>();
  for (const { node, treatment } of plan.decisions.values()) {
    if (treatment !== 'stored') continue;
    for (const operand of weightOperands(node, plan.graph)) operands.set(operand.name, operand);
  }
  const restoring = [...operands.values()].flatMap((operand) => {
    const { name } = operand;
    const { dims } = operand.tensor;
    if (!graph.initializers.has(name) || elementCount(dims) < LEAST_STORED_ELEMENTS) return [];
    const quantized = quantizeWeights(elements(operand.tensor, 'float32'), operand.layout, {
      perChannel: true,
      avoidSaturation: false,
    });
    const [integers, scale, restored] = [fresh(`${name}_stored`), fresh(`${name}_stored_scale`), fresh(`${name}_cast`)];
    graph.initializers.delete(name);
    graph.initializers.set(integers, tensor('int8', dims, quantized.integers));
    graph.initializers.set(scale, floats(quantized.scales, scaleShape(operand)));
    return [
      makeNode('Cast', [integers], [restored], { name: `${name}_Cast`, attributes: { to: FLOAT32 } }),
      makeNode('Mul', [restored, scale], [name], { name: `${name}_Mul` }),
    ];
  });
  graph.nodes.unshift(...restoring);
}
