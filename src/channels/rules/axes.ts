import { intAttribute, intsAttribute, type Node } from '../../onnx/ir/graph.js';
import { integers } from '../../onnx/ir/tensor.js';
import {
  allAxes,
  type CouplingRule,
  type CouplingTable,
  type GraphFacts,
  linkAxes,
  positiveAxis,
} from '../coupling.js';

const transpose: CouplingRule = (node, facts) => {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const rank = facts.dims(x).length;
  const order = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  return {
    links: linkAxes(
      x,
      y,
      order.map((from, to) => [from, to] as const),
    ),
  };
};

/** The constant axes of a node, from its operand or its attribute; undefined when they are computed or absent. */
function statedAxes(node: Node, facts: GraphFacts, rank: number): number[] | undefined {
  const operand = node.inputs[1] ?? '';
  const constant = facts.constant(operand);
  const axes = constant ? integers(constant) : operand === '' ? intsAttribute(node, 'axes') : undefined;
  return axes?.map((axis) => positiveAxis(axis, rank));
}

/** The axes of the longer value that remain when `dropped` are taken out, with their place in the shorter one. */
const remaining = (rank: number, dropped: readonly number[]) =>
  Array.from({ length: rank }, (_, axis) => axis)
    .filter((axis) => !dropped.includes(axis))
    .map((axis, place) => [axis, place] as const);

const squeeze: CouplingRule = (node, facts) => {
  const [x = '', axesName = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const rank = facts.dims(x).length;
  const axes = statedAxes(node, facts, rank);
  return axes && { links: linkAxes(x, y, remaining(rank, axes)), loose: allAxes(facts, [axesName]) };
};

const unsqueeze: CouplingRule = (node, facts) => {
  const [x = '', axesName = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const rank = facts.dims(y).length;
  const axes = statedAxes(node, facts, rank);
  return axes && { links: linkAxes(y, x, remaining(rank, axes)), loose: allAxes(facts, [axesName]) };
};

/** Sums, means and extremes: what they run over stays whole, all other axes go through. */
const reduce: CouplingRule = (node, facts) => {
  const [x = '', axesName = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const rank = facts.dims(x).length;
  const axes = statedAxes(node, facts, rank);
  if (!axes || axes.length === 0) return undefined;
  const kept = remaining(rank, axes);
  const inPlace = intAttribute(node, 'keepdims', 1) === 1;
  return {
    links: linkAxes(x, y, inPlace ? kept.map(([axis]) => [axis, axis] as const) : kept),
    loose: allAxes(facts, [axesName]),
  };
};

const REDUCTIONS = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'];

export const axisRules: CouplingTable = {
  ...Object.fromEntries(REDUCTIONS.map((kind) => [`Reduce${kind}`, reduce])),
  Squeeze: squeeze,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
