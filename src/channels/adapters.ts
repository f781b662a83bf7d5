import { intAttribute, type Node } from '../onnx/ir/graph.js';
import { int64s, type Tensor } from '../onnx/ir/tensor.js';
import type { Slot } from './axis-units.js';
import { type GraphFacts, positiveAxis, slot } from './coupling.js';
import { reshapeBlocks } from './reshape-blocks.js';
import { sliceBounds } from './rules/pieces.js';

/** What an adapter may ask of the slicing of its node. */
export interface Slicing {
  readonly node: Node;
  /** Facts of the graph before it was sliced. */
  readonly facts: GraphFacts;
  /** Positions along an axis that stay. */
  kept(slot: Slot): readonly number[];
  /** Adds a constant and gives its name. */
  constant(hint: string, tensor: Tensor): string;
}

/** A node that names a number of channels, with the new number. */
type Adapter = (slicing: Slicing) => Node;

const withAttribute = (node: Node, name: string, value: number): Node => ({
  ...node,
  attributes: new Map(node.attributes).set(name, { kind: 'int', value: BigInt(value) }),
});

const withInput = (node: Node, index: number, name: string): Node => ({
  ...node,
  inputs: Array.from({ length: Math.max(node.inputs.length, index + 1) }, (_, i) =>
    i === index ? name : (node.inputs[i] ?? ''),
  ),
});

/** A depthwise layer has as many groups as input channels. */
const depthwise: Adapter = ({ node, kept }) => {
  if (intAttribute(node, 'group', 1) === 1) return node;
  return withAttribute(node, 'group', kept(slot(node.inputs[0] ?? '', 1)).length);
};

/**
 * The new shape by entry: 0 (as before) for axes that stay in their place, and −1 where that leaves one, or where the batch is laid
 * out within an axis, so that what is fed may still vary in size.
 */
const reshape: Adapter = ({ node, facts, kept, constant }) => {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const [before, after] = [facts.dims(x), facts.dims(y)];
  const same = (axis: number) =>
    axis < before.length && before.slice(0, axis + 1).join() === after.slice(0, axis + 1).join();
  const open = after.map((_, axis) => axis).filter((axis) => !same(axis));
  const batch = reshapeBlocks(before, after).find(({ from }) => from.includes(0))?.to[0];
  const inferred = open.length === 1 ? open[0] : open.find((axis) => axis === batch);
  const entry = (axis: number) => (axis === inferred ? -1 : kept(slot(y, axis)).length);
  const shape = int64s(after.map((_, axis) => (open.includes(axis) ? entry(axis) : 0)));
  return withInput(withAttribute(node, 'allowzero', 0), 1, constant(`${y}_shape`, shape));
};

const split: Adapter = ({ node, facts, kept, constant }) => {
  const [x = ''] = node.inputs;
  const axis = positiveAxis(intAttribute(node, 'axis', 0), facts.dims(x).length);
  const sizes = node.outputs.map((output) => kept(slot(output, axis)).length);
  const attributes = new Map(node.attributes);
  attributes.delete('num_outputs');
  return withInput({ ...node, attributes }, 1, constant(`${x}_split`, int64s(sizes)));
};

/** Bounds count the positions before them that stay. */
const slice: Adapter = ({ node, facts, kept, constant }) => {
  const [x = ''] = node.inputs;
  const bounds = [...(sliceBounds(node.inputs, facts, facts.dims(x).length) ?? [])];
  const forward = bounds.filter(
    ([axis, { step }]) => step === 1 && kept(slot(x, axis)).length < (facts.dims(x)[axis] ?? 0),
  );
  if (forward.length === 0) return node;
  const before = (axis: number, bound: number) => kept(slot(x, axis)).filter((position) => position < bound).length;
  const moved = bounds.map(([axis, { start, end, step }]) =>
    forward.some(([other]) => other === axis)
      ? { axis, start: before(axis, start), end: before(axis, end), step }
      : { axis, start, end, step },
  );
  const operand = (hint: string, values: number[]) => constant(`${x}_${hint}`, int64s(values));
  const operands = [
    operand(
      'starts',
      moved.map(({ start }) => start),
    ),
    operand(
      'ends',
      moved.map(({ end }) => end),
    ),
    operand(
      'axes',
      moved.map(({ axis }) => axis),
    ),
    operand(
      'steps',
      moved.map(({ step }) => step),
    ),
  ];
  return { ...node, inputs: [x, ...operands] };
};

export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  Conv: depthwise,
  ConvTranspose: depthwise,
  Reshape: reshape,
  Slice: slice,
  Split: split,
};
