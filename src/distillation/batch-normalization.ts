import { intAttribute, type Node } from '../onnx/ir/graph.js';

/** In training mode BatchNormalization normalizes with the batch's statistics and gives updated running ones as outputs 1 and 2. */
export function trainedNormalization(node: Node): Node {
  if (node.opType !== 'BatchNormalization' || node.domain !== '' || intAttribute(node, 'training_mode', 0) === 1)
    return node;
  const [y = ''] = node.outputs;
  return {
    ...node,
    attributes: new Map(node.attributes).set('training_mode', { kind: 'int', value: 1n }),
    outputs: [y, `${y}/running_mean`, `${y}/running_variance`],
  };
}

/** The updated running mean and variance by the constants that they replace. */
export function runningStatistics(nodes: readonly Node[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { opType, inputs, outputs } of nodes) {
    if (opType !== 'BatchNormalization' || outputs.length < 3) continue;
    found.set(inputs[3] ?? '', outputs[1] ?? '').set(inputs[4] ?? '', outputs[2] ?? '');
  }
  return found;
}
