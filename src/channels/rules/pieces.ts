import { intAttribute } from '../../onnx/ir/graph.js';
import { integers } from '../../onnx/ir/tensor.js';
import {
  allAxes,
  broadcast,
  type CouplingRule,
  type CouplingTable,
  type GraphFacts,
  type Link,
  linkAxes,
  positiveAxis,
  slot,
} from '../coupling.js';

/** Pieces that lie one after the other along an axis of the whole; other axes are the whole's. */
function stacked(facts: GraphFacts, whole: string, pieces: readonly string[], axis: number): Link[] {
  let start = 0;
  return pieces.flatMap((piece) => {
    const offset = start;
    start += facts.dims(piece)[axis] ?? 0;
    const others = broadcast(facts, piece, whole).links.filter(({ from }) => from.axis !== axis);
    return [...others, { from: slot(piece, axis), to: slot(whole, axis), at: (position: number) => offset + position }];
  });
}

const concat: CouplingRule = (node, facts) => {
  const [y = ''] = node.outputs;
  return { links: stacked(facts, y, node.inputs, positiveAxis(intAttribute(node, 'axis', 0), facts.dims(y).length)) };
};

const split: CouplingRule = (node, facts) => {
  const [x = '', sizes = ''] = node.inputs;
  if (sizes !== '' && !facts.constant(sizes)) return undefined;
  const axis = positiveAxis(intAttribute(node, 'axis', 0), facts.dims(x).length);
  return { links: stacked(facts, x, node.outputs, axis), loose: allAxes(facts, [sizes]) };
};

/** Slice with constant bounds; an axis that it steps along by more than one stays whole. */
const slice: CouplingRule = (node, facts) => {
  const [x = '', ...operands] = node.inputs;
  const [y = ''] = node.outputs;
  const rank = facts.dims(x).length;
  const bounds = sliceBounds(node.inputs, facts, rank);
  if (!bounds) return undefined;
  const links = Array.from({ length: rank }, (_, axis): Link | null => {
    const { start, step } = bounds.get(axis) ?? { start: 0, step: 1 };
    if (step !== 1) return null;
    return { from: slot(y, axis), to: slot(x, axis), at: (position) => start + position };
  });
  return { links: links.filter((link) => link !== null), loose: allAxes(facts, operands) };
};

/**
 * Bounds and step of each axis that a Slice cuts, clamped to the axis where it steps forwards; undefined when they are computed.
 */
export function sliceBounds(
  [x = '', startsName = '', endsName = '', axesName = '', stepsName = '']: readonly string[],
  facts: Pick<GraphFacts, 'dims' | 'constant'>,
  rank: number,
): ReadonlyMap<number, { start: number; end: number; step: number }> | undefined {
  const read = (name: string) => {
    const constant = facts.constant(name);
    return constant ? integers(constant) : undefined;
  };
  const [starts, ends] = [read(startsName), read(endsName)];
  const axes = axesName === '' ? starts?.map((_, axis) => axis) : read(axesName);
  const steps = stepsName === '' ? starts?.map(() => 1) : read(stepsName);
  if (!starts || !ends || !axes || !steps) return undefined;
  return new Map(
    axes.map((stated, i) => {
      const axis = positiveAxis(stated, rank);
      const size = facts.dims(x)[axis] ?? 0;
      const step = steps[i] ?? 1;
      const clamp = (bound = 0) => (step > 0 ? Math.max(0, Math.min(size, bound < 0 ? bound + size : bound)) : bound);
      return [axis, { start: clamp(starts[i]), end: clamp(ends[i]), step }];
    }),
  );
}

/** Gather picks rows of one axis, which stays whole; embeddings keep their own axis free. */
const gather: CouplingRule = (node, facts) => {
  const [data = '', indices = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const rank = facts.dims(data).length;
  const axis = positiveAxis(intAttribute(node, 'axis', 0), rank);
  const picked = facts.dims(indices).length;
  const kept = Array.from({ length: rank }, (_, from) => from).filter((from) => from !== axis);
  return {
    links: [
      ...linkAxes(
        data,
        y,
        kept.map((from) => [from, from < axis ? from : from + picked - 1] as const),
      ),
      ...linkAxes(
        indices,
        y,
        Array.from({ length: picked }, (_, from) => [from, from + axis] as const),
      ),
    ],
  };
};

export const pieceRules: CouplingTable = { Concat: concat, Gather: gather, Slice: slice, Split: split };
