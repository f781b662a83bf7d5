import { createHash } from 'node:crypto';
import type { Dimension } from '../../contracts/signature.js';
import { type Graph, intAttribute, intsAttribute, type Node, stringAttribute } from '../ir/graph.js';

type Shape = readonly Dimension[];
type Rule = (node: Node, inputs: readonly (Shape | undefined)[]) => Shape | undefined;

/** Dimensions of a value of which anything is said: convolutional parts have at most five. */
const MOST_DIMENSIONS = 8;
/** Characters of a symbol. A size after many windows would otherwise hold one text per window, and every value repeats it. */
const LONGEST_SYMBOL = 48;

/** The text itself, or a short name in its place: the same one for equal texts. */
const symbol = (text: string): string =>
  text.length <= LONGEST_SYMBOL ? text : `size_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;

const same: Rule = (_, [first]) => first;
const pooledAway: Rule = (_, [first]) => first?.map((dimension, axis) => (axis < 2 ? dimension : 1));

/** Size after a window slides over an axis: floor((size + pads − reach)/stride) + 1; a symbol stays itself where the size does. */
function windowed(size: Dimension, kernel: number, stride: number, dilation: number, pads: number): Dimension {
  const lost = dilation * (kernel - 1) + 1 - pads;
  if (size === null) return null;
  if (typeof size === 'number') return Math.max(0, Math.floor((size - lost) / stride) + 1);
  return stride === 1 && lost === 1 ? size : symbol(`floor((${size} - ${lost}) / ${stride}) + 1`);
}

function slide(node: Node, channels: Dimension, input: Shape, kernel: readonly number[]): Shape | undefined {
  if (stringAttribute(node, 'auto_pad', 'NOTSET') !== 'NOTSET' || intAttribute(node, 'ceil_mode', 0) !== 0)
    return undefined;
  const axes = input.slice(2);
  if (kernel.length !== axes.length) return undefined;
  const pads = intsAttribute(node, 'pads') ?? [];
  const strides = intsAttribute(node, 'strides') ?? [];
  const dilations = intsAttribute(node, 'dilations') ?? [];
  const spatial = axes.map((size, axis) =>
    windowed(
      size,
      kernel[axis] as number,
      strides[axis] ?? 1,
      dilations[axis] ?? 1,
      (pads[axis] ?? 0) + (pads[axis + axes.length] ?? 0),
    ),
  );
  return [input[0] ?? null, channels, ...spatial];
}

const conv: Rule = (node, [input, weight]) => {
  if (!input || !weight?.every((size) => typeof size === 'number')) return undefined;
  return slide(node, weight[0] ?? null, input, weight.slice(2) as number[]);
};
const pool: Rule = (node, [input]) =>
  input ? slide(node, input[1] ?? null, input, intsAttribute(node, 'kernel_shape') ?? []) : undefined;

/** Numpy's broadcasting; a symbol against a number other than 1 must be that number. */
function combine(a: Dimension, b: Dimension): Dimension {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number') return a;
  return typeof b === 'number' ? b : null;
}

const broadcast: Rule = (_, inputs) => {
  let result: Shape = [];
  for (const shape of inputs) {
    if (!shape) return undefined;
    const rank = Math.max(result.length, shape.length);
    const aligned = (dims: Shape): Shape => [...Array<Dimension>(rank - dims.length).fill(1), ...dims];
    const [left, right] = [aligned(result), aligned(shape)];
    result = left.map((size, axis) => combine(size, right[axis] as Dimension));
  }
  return result;
};

/** Output shape of the operators that convolutional networks are made of; of all others, nothing is said. */
const RULES: Readonly<Record<string, Rule>> = {
  Conv: conv,
  AveragePool: pool,
  MaxPool: pool,
  GlobalAveragePool: pooledAway,
  GlobalMaxPool: pooledAway,
  ...Object.fromEntries(['Add', 'Div', 'Mul', 'Sub', 'Sum'].map((name) => [name, broadcast])),
  ...Object.fromEntries(
    [
      'BatchNormalization',
      'Cast',
      'Clip',
      'DequantizeLinear',
      'HardSigmoid',
      'HardSwish',
      'Identity',
      'LeakyRelu',
      'QuantizeLinear',
      'Relu',
      'Sigmoid',
      'Tanh',
    ].map((name) => [name, same]),
  ),
};

/**
 * Shapes of a graph's values in terms of the symbols in its inputs' shapes, as far as convolutional parts reach: equal text means equal
 * size, whatever is fed. Inputs without a name for a dimension get one. Texts are short, however deep the graph.
 */
export function symbolicShapes(graph: Graph): Map<string, Shape> {
  const shapes = new Map<string, Shape>([...graph.initializers].map(([name, { dims }]) => [name, dims]));
  for (const { name, type } of graph.inputs) {
    if (type?.kind !== 'tensor' || !type.shape || type.shape.length > MOST_DIMENSIONS) continue;
    const { shape } = type;
    // Some exporters name every open dimension alike ("?"): such a name says nothing.
    const meaningful = (size: string) => shape.filter((other) => other === size).length === 1;
    shapes.set(
      name,
      shape.map((size, axis) => {
        if (typeof size === 'number') return size;
        return symbol(size !== null && meaningful(size) ? size : `${name}_${axis}`);
      }),
    );
  }
  for (const node of graph.nodes) {
    const rule = node.domain === '' ? RULES[node.opType] : undefined;
    const shape = rule?.(
      node,
      node.inputs.map((input) => shapes.get(input)),
    );
    const [output = ''] = node.outputs;
    if (shape && shape.length <= MOST_DIMENSIONS) shapes.set(output, shape);
  }
  return shapes;
}
