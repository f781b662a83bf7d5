import { intAttribute, type Node } from '../../onnx/ir/graph.js';
import { integers } from '../../onnx/ir/tensor.js';
import {
  allAxes,
  type Coupling,
  type CouplingRule,
  type CouplingTable,
  type GraphFacts,
  slot,
  together,
} from '../coupling.js';
import { reshapeBlocks } from '../reshape-blocks.js';
import { sliceBounds } from './pieces.js';

/** Reshape and Flatten, block by block: equal axes are linked, one axis against several is merged, several against several stay. */
function reshaped(facts: GraphFacts, x: string, y: string): Coupling {
  const couplings = reshapeBlocks(facts.dims(x), facts.dims(y)).map(({ from, to }): Coupling => {
    const [slots, others] = [from.map((axis) => slot(x, axis)), to.map((axis) => slot(y, axis))];
    const [[first], [second]] = [slots, others];
    if (!first || !second) return {};
    if (slots.length === 1 && others.length === 1) return { links: [{ from: first, to: second }] };
    if (slots.length === 1) return { merges: [{ wide: first, parts: others }] };
    return others.length === 1 ? { merges: [{ wide: second, parts: slots }] } : {};
  });
  return together(...couplings);
}

const reshape: CouplingRule = ({ inputs: [x = '', shape = ''], outputs: [y = ''] }, facts) =>
  together(reshaped(facts, x, y), { loose: allAxes(facts, [shape]) });

const flatten: CouplingRule = ({ inputs: [x = ''], outputs: [y = ''] }, facts) => reshaped(facts, x, y);

/** Which entries of a shape vector anybody looks at; null for all of them. */
function entriesRead(node: Node, facts: GraphFacts, rank: number): number[] | null {
  const [vector = ''] = node.outputs;
  const entries: number[] = [];
  for (const reader of facts.readers(vector)) {
    if (reader.opType === 'Cast') {
      const behind = entriesRead(reader, facts, rank);
      if (behind === null) return null;
      entries.push(...behind);
      continue;
    }
    const picked = facts.constant(reader.inputs[1] ?? '');
    if (reader.opType === 'Gather' && picked) {
      entries.push(...integers(picked).map((entry) => (entry < 0 ? entry + rank : entry)));
      continue;
    }
    const bounds = reader.opType === 'Slice' ? sliceBounds(reader.inputs, facts, 1)?.get(0) : undefined;
    if (bounds?.step !== 1) return null;
    for (let entry = bounds.start; entry < bounds.end; entry++) entries.push(entry);
  }
  return entries;
}

/** Shape: an axis whose size goes into a computation stays whole. */
const shapeOf: CouplingRule = (node, facts) => {
  const [x = ''] = node.inputs;
  const rank = facts.dims(x).length;
  const whole = intAttribute(node, 'start', 0) === 0 && !node.attributes.has('end');
  const read = whole ? entriesRead(node, facts, rank) : null;
  const unread = allAxes(facts, [x]).filter(({ axis }) => read !== null && !read.includes(axis));
  return { loose: [...unread, ...allAxes(facts, node.outputs)] };
};

export const shapeRules: CouplingTable = { Flatten: flatten, Reshape: reshape, Shape: shapeOf };
