import { intAttribute, type Node } from '../../onnx/ir/graph.js';
import { integers } from '../../onnx/ir/tensor.js';
import {
  allAxes,
  type Coupling,
  type CouplingRule,
  type CouplingTable,
  type GraphFacts,
  positiveAxis,
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

/** Operators that only put numbers of shapes together. */
const REARRANGE_SIZES: ReadonlySet<string> = new Set([
  'Cast',
  'Concat',
  'Gather',
  'Identity',
  'Slice',
  'Squeeze',
  'Unsqueeze',
]);

/** Whether sizes of x go nowhere but into shapes that x itself is given: those are written anew when x is cut. */
function onlyReshapes(sizes: string, x: string, facts: GraphFacts): boolean {
  // Looked at once each: sizes put together in pairs go exponentially many ways.
  const reached = new Set([sizes]);
  for (const value of reached)
    for (const { opType, inputs, outputs } of facts.readers(value)) {
      if (opType === 'Reshape' ? inputs[0] !== x : !REARRANGE_SIZES.has(opType)) return false;
      if (opType !== 'Reshape') for (const output of outputs) reached.add(output);
    }
  return true;
}

/** Which entries of x's shape vector anybody computes with; null for all of them. */
function entriesRead(vector: string, x: string, facts: GraphFacts, rank: number): number[] | null {
  const entries: number[] = [];
  for (const reader of facts.readers(vector)) {
    if (
      reader.opType === 'Reshape'
        ? reader.inputs[0] === x
        : reader.outputs.every((output) => REARRANGE_SIZES.has(reader.opType) && onlyReshapes(output, x, facts))
    )
      continue;
    const found = entriesOf(reader, x, facts, rank);
    if (found === null) return null;
    entries.push(...found);
  }
  return entries;
}

/** Which entries of x's shape vector one reader of it takes. */
function entriesOf(reader: Node, x: string, facts: GraphFacts, rank: number): number[] | null {
  if (reader.opType === 'Cast') return entriesRead(reader.outputs[0] ?? '', x, facts, rank);
  const picked = facts.constant(reader.inputs[1] ?? '');
  if (reader.opType === 'Gather' && picked) return integers(picked).map((entry) => positiveAxis(entry, rank));
  const bounds = reader.opType === 'Slice' ? sliceBounds(reader.inputs, facts, 1)?.get(0) : undefined;
  if (bounds?.step !== 1) return null;
  return Array.from({ length: bounds.end - bounds.start }, (_, i) => bounds.start + i);
}

/** Shape: an axis whose size goes into a computation stays whole. */
const shapeOf: CouplingRule = (node, facts) => {
  const [x = ''] = node.inputs;
  const rank = facts.dims(x).length;
  const whole = intAttribute(node, 'start', 0) === 0 && !node.attributes.has('end');
  const read = whole ? entriesRead(node.outputs[0] ?? '', x, facts, rank) : null;
  const unread = allAxes(facts, [x]).filter(({ axis }) => read !== null && !read.includes(axis));
  return { loose: [...unread, ...allAxes(facts, node.outputs)] };
};

export const shapeRules: CouplingTable = { Flatten: flatten, Reshape: reshape, Shape: shapeOf };
