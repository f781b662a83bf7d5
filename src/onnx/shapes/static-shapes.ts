import type { Graph, Node } from '../ir/graph.js';

/** Operators whose output shape is decided by values that only a run knows. */
const DECIDED_BY_DATA = new Set([
  'Compress',
  'If',
  'Loop',
  'NonMaxSuppression',
  'NonZero',
  'Scan',
  'SequenceAt',
  'Unique',
]);

/** Inputs whose values, not only shapes, decide the output shape; all others count by their shape alone. */
const SHAPE_OPERANDS: Readonly<Record<string, readonly number[]>> = {
  ConstantOfShape: [0],
  Expand: [1],
  OneHot: [1],
  Pad: [1, 3],
  Range: [0, 1, 2],
  Reshape: [1],
  Resize: [1, 2, 3],
  Slice: [1, 2, 3, 4],
  Split: [1],
  Squeeze: [1],
  Tile: [1],
  TopK: [1],
  Unsqueeze: [1],
  Upsample: [1],
  ...Object.fromEntries(
    ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'].map((name) => [
      `Reduce${name}`,
      [1],
    ]),
  ),
};

function keepsShapesStatic(node: Node, known: ReadonlySet<string>, constants: ReadonlySet<string>): boolean {
  if (node.domain !== '' || DECIDED_BY_DATA.has(node.opType) || /Sequence|Optional|String/.test(node.opType))
    return false;
  const operands = SHAPE_OPERANDS[node.opType] ?? [];
  return node.inputs.every((input, index) => input === '' || (operands.includes(index) ? constants : known).has(input));
}

/** The values of a graph whose shapes follow from the shapes of its inputs alone, whatever the inputs hold. */
export function staticShapes(graph: Graph): ReadonlySet<string> {
  const constants = new Set(graph.initializers.keys());
  const known = new Set([...constants, ...graph.inputs.map(({ name }) => name)]);
  for (const node of graph.nodes) {
    if (keepsShapesStatic(node, known, constants)) for (const output of node.outputs) known.add(output);
  }
  return known;
}
