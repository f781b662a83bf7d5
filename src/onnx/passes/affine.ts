import type { GraphEditor } from '../ir/editor.js';
import { floatAttribute, intAttribute, type Node } from '../ir/graph.js';
import { channelConstant, floatConstant } from './float-constant.js';

/** y[c] = scale[c] · x[c] + shift[c] along axis 1, in double precision; null where it is 1 or 0 for every channel. */
export interface Affine {
  readonly input: string;
  readonly scale: Float64Array | null;
  readonly shift: Float64Array | null;
}

/** Batch normalization in inference: scale = γ/√(σ²+ε), shift = β − μ·scale. */
function batchNormalization(editor: GraphEditor, node: Node, channels: number): Affine | undefined {
  const [gamma, beta, mean, variance] = node.inputs.slice(1).map((input) => floatConstant(editor, input));
  if (!gamma || !beta || !mean || !variance || gamma.length !== channels) return undefined;
  if (intAttribute(node, 'training_mode', 0) !== 0 || node.outputs.slice(1).some((output) => output !== ''))
    return undefined;
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const scale = Float64Array.from(gamma, (value, c) => value / Math.sqrt((variance[c] as number) + epsilon));
  const shift = Float64Array.from(beta, (value, c) => value - (mean[c] as number) * (scale[c] as number));
  return { input: node.inputs[0] ?? '', scale, shift };
}

const negated = (values: Float64Array) => values.map((value) => -value);
const inverse = (values: Float64Array) => values.map((value) => 1 / value);

/**
 * Reads a node as an affine map of each channel: Mul, Div, Add, Sub with a constant, BatchNormalization.
 * @param rank number of dimensions of the value, `channels` the size of its axis 1: a constant must not broadcast it to more
 */
export function readAffine(editor: GraphEditor, node: Node, channels: number, rank: number): Affine | undefined {
  if (node.domain !== '') return undefined;
  if (node.opType === 'BatchNormalization') return batchNormalization(editor, node, channels);
  const [left = '', right = ''] = node.inputs;
  const constantLeft = editor.constant(left) !== undefined;
  const values = channelConstant(editor.constant(constantLeft ? left : right), channels, rank);
  if (!values || (constantLeft && editor.constant(right))) return undefined;
  const input = constantLeft ? right : left;
  switch (node.opType) {
    case 'Mul':
      return { input, scale: values, shift: null };
    case 'Div':
      return constantLeft || values.includes(0) ? undefined : { input, scale: inverse(values), shift: null };
    case 'Add':
      return { input, scale: null, shift: values };
    case 'Sub':
      return constantLeft
        ? { input, scale: new Float64Array(channels).fill(-1), shift: values }
        : { input, scale: null, shift: negated(values) };
    default:
      return undefined;
  }
}
