import { intAttribute, intsAttribute, type Node, stringAttribute } from '../onnx/ir/graph.js';
import { reluAfterPool } from './relu-after-pool.js';

/** Windows that tile the input, so that each element has one place in the pooled value: its gradient needs no indices. */
export function tilesInput(pool: Node): boolean {
  const kernel = intsAttribute(pool, 'kernel_shape') ?? [];
  const strides = intsAttribute(pool, 'strides') ?? kernel.map(() => 1);
  const flat = [...(intsAttribute(pool, 'dilations') ?? []).map((d) => d - 1), ...(intsAttribute(pool, 'pads') ?? [])];
  return (
    kernel.every((size, i) => size === strides[i]) &&
    flat.every((value) => value === 0) &&
    intAttribute(pool, 'ceil_mode', 0) === 0 &&
    ['NOTSET', 'VALID'].includes(stringAttribute(pool, 'auto_pad', 'NOTSET'))
  );
}

/** Operators whose gradient reads outputs that an inference graph does not ask for, and how many outputs there are then. */
const OUTPUTS_FOR_TRAINING: Readonly<Record<string, (node: Node) => number>> = {
  MaxPool: (pool) => (tilesInput(pool) ? 1 : 2),
  LayerNormalization: () => 3,
};

/**
 * The same function in the form whose gradient is cheap: Relu behind MaxPool, and the extra outputs that gradients read (MaxPool's indices,
 * LayerNormalization's moments).
 * @param kept values that must keep their names, such as outputs of the graph
 */
export function trainingForm(nodes: readonly Node[], kept: ReadonlySet<string>): Node[] {
  return reluAfterPool(nodes, kept).map((node) => {
    const wanted = node.domain === '' ? (OUTPUTS_FOR_TRAINING[node.opType]?.(node) ?? 0) : 0;
    if (node.outputs.length >= wanted) return node;
    const extra = Array.from(
      { length: wanted - node.outputs.length },
      (_, i) => `${node.outputs[0]}/output_${node.outputs.length + i}`,
    );
    return { ...node, outputs: [...node.outputs, ...extra] };
  });
}
