import type { GraphEditor } from '../ir/editor.js';
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

/** The size of a value's axis 1, as far as the graph shows it; undefined when it does not. */
export function channelCount(editor: GraphEditor, value: string): number | undefined {
  const recorded = editor.graph.inputs.find(({ name }) => name === value)?.type ?? editor.graph.values.get(value);
  const size = recorded?.kind === 'tensor' ? recorded.shape?.[1] : undefined;
  if (typeof size === 'number') return size;
  const node = editor.producer(value);
  const layer = readLinearLayer(editor, node);
  if (layer) return layer.outputChannels;
  if (node?.domain !== '' || node.outputs[0] !== value) return undefined;
  if (KEEP_CHANNELS.has(node.opType)) return channelCount(editor, node.inputs[0] ?? '');
  if (!BROADCAST.has(node.opType)) return undefined;
  // Of two operands that fit together, the wider one gives the size; a constant alone could not tell the rank.
  const sizes = node.inputs.map((input) => channelCount(editor, input));
  const known = sizes.filter((count) => count !== undefined && count > 1);
  return known[0];
}
