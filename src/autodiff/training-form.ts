import type { Node } from '../onnx/ir/graph.js';

/** Operators whose gradient reads outputs that an inference graph does not ask for, and how many outputs there are then. */
const OUTPUTS_FOR_TRAINING: Readonly<Record<string, number>> = { MaxPool: 2, LayerNormalization: 3 };

/** The same nodes with the extra outputs that their gradients read: MaxPool's indices, LayerNormalization's moments. */
export function trainingForm(nodes: readonly Node[]): Node[] {
  return nodes.map((node) => {
    const wanted = node.domain === '' ? (OUTPUTS_FOR_TRAINING[node.opType] ?? 0) : 0;
    if (node.outputs.length >= wanted) return node;
    const extra = Array.from(
      { length: wanted - node.outputs.length },
      (_, i) => `${node.outputs[0]}/output_${node.outputs.length + i}`,
    );
    return { ...node, outputs: [...node.outputs, ...extra] };
  });
}
