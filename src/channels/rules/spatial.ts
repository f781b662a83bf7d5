import { integers } from '../../onnx/ir/tensor.js';
import { allAxes, type CouplingRule, type CouplingTable, linkAxes } from '../coupling.js';

const OUTER: readonly (readonly [number, number])[] = [
  [0, 0],
  [1, 1],
];

/** Works on each channel alone and keeps batch and channels. */
const perChannel: CouplingRule = ({ inputs: [x = ''], outputs: [y = ''] }) => ({ links: linkAxes(x, y, OUTER) });

/** Resize by factors keeps channels whatever their number; by sizes it names that number. */
const resize: CouplingRule = (node, facts) => {
  const [x = '', ...operands] = node.inputs;
  const [y = ''] = node.outputs;
  const [given, made] = [facts.dims(x), facts.dims(y)];
  const bySizes = (node.inputs[3] ?? '') !== '';
  if (bySizes || node.attributes.has('axes') || given[0] !== made[0] || given[1] !== made[1]) return undefined;
  return { links: linkAxes(x, y, OUTER), loose: allAxes(facts, operands) };
};

/** Pad: axes to which nothing is added keep their positions. */
const pad: CouplingRule = (node, facts) => {
  const [x = '', padsName = '', ...operands] = node.inputs;
  const [y = ''] = node.outputs;
  const pads = facts.constant(padsName);
  if (!pads || (node.inputs[3] ?? '') !== '') return undefined;
  const amounts = integers(pads);
  const rank = facts.dims(x).length;
  const untouched = Array.from({ length: rank }, (_, axis) => axis).filter(
    (axis) => amounts[axis] === 0 && amounts[axis + rank] === 0,
  );
  return {
    links: linkAxes(
      x,
      y,
      untouched.map((axis) => [axis, axis] as const),
    ),
    loose: allAxes(facts, [padsName, ...operands]),
  };
};

export const spatialRules: CouplingTable = {
  AveragePool: perChannel,
  GlobalAveragePool: perChannel,
  GlobalMaxPool: perChannel,
  LpPool: perChannel,
  MaxPool: perChannel,
  Pad: pad,
  Resize: resize,
};
