import type { Node } from '../onnx/ir/graph.js';

/**
 * Relu before MaxPool, moved behind it: both are monotonic, so the values are the same, and the pooled value and its gradient have a fraction of the
 * elements. Done where nothing else reads the Relu.
 * @param kept values that must keep their names, such as outputs of the graph
 */
export function reluAfterPool(nodes: readonly Node[], kept: ReadonlySet<string>): Node[] {
  const readers = new Map<string, number>();
  for (const { inputs } of nodes) for (const input of inputs) readers.set(input, (readers.get(input) ?? 0) + 1);
  const standard = (opType: string) => (each: Node) => each.domain === '' && each.opType === opType;
  const pooled = new Set(
    nodes.filter(standard('MaxPool')).flatMap(({ inputs, outputs }) => (outputs.length === 1 ? [inputs[0] ?? ''] : [])),
  );
  const moved = new Map(
    nodes
      .filter(standard('Relu'))
      .filter(({ outputs: [y = ''] }) => pooled.has(y) && readers.get(y) === 1 && !kept.has(y))
      .map((relu) => [relu.outputs[0] ?? '', relu]),
  );
  return nodes.flatMap((each) => {
    if (moved.get(each.outputs[0] ?? '') === each) return [];
    const relu = standard('MaxPool')(each) ? moved.get(each.inputs[0] ?? '') : undefined;
    if (!relu) return [each];
    const [y = ''] = each.outputs;
    const before = `${y}/before_relu`;
    return [
      { ...each, inputs: relu.inputs, outputs: [before] },
      { ...relu, inputs: [before], outputs: [y] },
    ];
  });
}
