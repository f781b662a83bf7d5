import type { Graph, Node } from '../ir/graph.js';
import { symbolicShapes } from '../shapes/symbolic-shapes.js';
import type { Pass } from './pass.js';

/** Operators whose output has the type of their first input. */
const KEEP_TYPE = new Set([
  'Add',
  'AveragePool',
  'BatchNormalization',
  'Clip',
  'Conv',
  'Div',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'HardSigmoid',
  'HardSwish',
  'Identity',
  'LeakyRelu',
  'MaxPool',
  'Mul',
  'Relu',
  'Sigmoid',
  'Sub',
  'Sum',
  'Tanh',
]);

/** The values that are float32 because a float32 input is all that reaches them. */
function floatValues(graph: Graph): Set<string> {
  const floats = new Set([...graph.initializers].filter(([, { dtype }]) => dtype === 'float32').map(([name]) => name));
  for (const { name, type } of graph.inputs) if (type?.kind === 'tensor' && type.dtype === 'float32') floats.add(name);
  const keeps = (node: Node) =>
    (node.domain === '' && KEEP_TYPE.has(node.opType) && floats.has(node.inputs[0] ?? '')) ||
    (node.opType === 'DequantizeLinear' && floats.has(node.inputs[1] ?? ''));
  for (const node of graph.nodes) if (keeps(node)) floats.add(node.outputs[0] ?? '');
  return floats;
}

/** Operators whose operands ONNX Runtime compares. */
const PAIRWISE = new Set(['Add', 'Div', 'Mul', 'Sub', 'Sum']);

/** Whether anywhere two computed values meet: elsewhere nobody asks which sizes are equal. */
const joinsValues = ({ nodes, initializers }: Graph): boolean =>
  nodes.some(
    ({ domain, opType, inputs }) =>
      domain === '' && PAIRWISE.has(opType) && inputs.filter((input) => !initializers.has(input)).length > 1,
  );

/**
 * Records which values of a convolutional part have the same size, by giving their dimensions equal names. ONNX Runtime then sees that
 * a residual Add joins equal shapes and fuses it into the Conv before; where sizes are only "unknown" it reshapes both to five
 * dimensions instead.
 */
export const recordEqualSizes: Pass = {
  name: 'record_equal_sizes',
  run(graph: Graph): number {
    if (!joinsValues(graph)) return 0;
    const floats = floatValues(graph);
    const declared = [...graph.inputs, ...graph.outputs].map(({ name }) => name);
    const fixed = new Set([...graph.initializers.keys(), ...declared]);
    let changes = 0;
    for (const [name, shape] of symbolicShapes(graph)) {
      if (fixed.has(name) || !floats.has(name)) continue;
      const known = graph.values.get(name);
      if (known?.kind === 'tensor' && known.shape?.join() === shape.join()) continue;
      graph.values.set(name, { kind: 'tensor', dtype: 'float32', shape });
      changes++;
    }
    return changes;
  },
};
