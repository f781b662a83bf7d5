import type { GraphEditor } from '../ir/editor.js';
import type { Node } from '../ir/graph.js';
import { readLinearLayer } from './linear-layer.js';

/** Operators on one value that keep its shape, or at least its axes 0 and 1. */
const KEEP_CHANNELS = new Set([
  'AveragePool',
  'BatchNormalization',
  'Clip',
  'Elu',
  'Erf',
  'Gelu',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'HardSigmoid',
  'HardSwish',
  'Identity',
  'InstanceNormalization',
  'LeakyRelu',
  'MaxPool',
  'Neg',
  'Relu',
  'Sigmoid',
  'Softplus',
  'Tanh',
]);
const BROADCAST = new Set(['Add', 'Div', 'Mul', 'Sub', 'Sum']);

/**
 * The sizes of axis 1, as far as the graph shows them. Found once for all values, in the order of the nodes: looking back from a value
 * would take a way per path, and a graph can have exponentially many.
 */
export function channelCounts(editor: GraphEditor): ReadonlyMap<string, number> {
  const { graph } = editor;
  const counts = new Map<string, number>();
  for (const [name, type] of [...graph.values, ...graph.inputs.map(({ name, type }) => [name, type] as const)]) {
    const size = type?.kind === 'tensor' ? type.shape?.[1] : undefined;
    if (typeof size === 'number') counts.set(name, size);
  }
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs;
    const size = counts.has(output) ? undefined : outputChannels(editor, node, counts);
    if (size !== undefined) counts.set(output, size);
  }
  return counts;
}

function outputChannels(editor: GraphEditor, node: Node, counts: ReadonlyMap<string, number>): number | undefined {
  const layer = readLinearLayer(editor, node);
  if (layer) return layer.outputChannels;
  if (node.domain !== '') return undefined;
  if (KEEP_CHANNELS.has(node.opType)) return counts.get(node.inputs[0] ?? '');
  if (!BROADCAST.has(node.opType)) return undefined;
  // Of two operands that fit together, the wider one gives the size; a constant alone could not tell the rank.
  return node.inputs.map((input) => counts.get(input)).find((count) => count !== undefined && count > 1);
}
