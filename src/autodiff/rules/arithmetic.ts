import { broadcastDims, unbroadcast } from '../broadcast.js';
import type { GradientRule, RuleCall, RuleTable } from '../rule.js';

/** A rule for y = f(a, b) with numpy broadcasting from the gradients of the two broadcast operands. */
function binary(
  byA: (call: RuleCall, a: string, b: string) => string,
  byB: (call: RuleCall, a: string, b: string) => string,
): GradientRule {
  return (call) => {
    const [a = '', b = ''] = call.node.inputs;
    const dims = broadcastDims(call.emit.dims(a), call.emit.dims(b));
    return [byA, byB].map((by, index) =>
      call.needs(index) ? unbroadcast(call.emit, by(call, a, b), dims, call.emit.dims(index === 0 ? a : b)) : undefined,
    );
  };
}

/** Min and Max: the gradient goes to the operand that was taken; equal operands share it. */
const extreme: GradientRule = ({ node, gradient, emit, needs }) => {
  const y = node.outputs[0] ?? '';
  const taken = node.inputs.map((input) => emit.mask(emit.op('Equal', [input, y])));
  const ties = taken.length === 1 ? undefined : emit.op('Sum', taken);
  const shared = ties === undefined ? gradient : emit.div(gradient, ties);
  const dims = emit.dims(y);
  return node.inputs.map((input, index) =>
    needs(index) ? unbroadcast(emit, emit.mul(shared, taken[index] ?? ''), dims, emit.dims(input)) : undefined,
  );
};

const sum: GradientRule = ({ node, gradient, emit, needs }) =>
  node.inputs.map((input, index) =>
    needs(index) ? unbroadcast(emit, gradient, emit.dims(node.outputs[0] ?? ''), emit.dims(input)) : undefined,
  );

const mean: GradientRule = (call) =>
  sum({ ...call, gradient: call.emit.scale(call.gradient, 1 / call.node.inputs.length) });

/** y = a^b. By b: g · y · ln a, taken as 0 where a ≤ 0. */
const power = binary(
  ({ emit, gradient }, a, b) => emit.mul(gradient, emit.mul(b, emit.op('Pow', [a, emit.sub(b, emit.scalar(1))]))),
  ({ emit, gradient, node }, a) => {
    const positive = emit.op('Greater', [a, emit.scalar(0)]);
    const logarithm = emit.op('Log', [emit.op('Where', [positive, a, emit.scalar(1)])]);
    return emit.mul(gradient, emit.mul(node.outputs[0] ?? '', logarithm));
  },
);

const where: GradientRule = ({ node, gradient, emit, needs }) => {
  const [condition = '', a = '', b = ''] = node.inputs;
  const dims = emit.dims(node.outputs[0] ?? '');
  const zero = emit.scalar(0);
  return [
    undefined,
    needs(1) ? unbroadcast(emit, emit.op('Where', [condition, gradient, zero]), dims, emit.dims(a)) : undefined,
    needs(2) ? unbroadcast(emit, emit.op('Where', [condition, zero, gradient]), dims, emit.dims(b)) : undefined,
  ];
};

/** Operators of two or more broadcast operands. */
export const arithmeticRules: RuleTable = {
  Add: binary(
    (call) => call.gradient,
    (call) => call.gradient,
  ),
  Sub: binary(
    (call) => call.gradient,
    ({ emit, gradient }) => emit.neg(gradient),
  ),
  Mul: binary(
    ({ emit, gradient }, _a, b) => emit.mul(gradient, b),
    ({ emit, gradient }, a) => emit.mul(gradient, a),
  ),
  /** y = a / b: g / b and −g · y / b. */
  Div: binary(
    ({ emit, gradient }, _a, b) => emit.div(gradient, b),
    ({ emit, gradient, node }, _a, b) => emit.neg(emit.div(emit.mul(gradient, node.outputs[0] ?? ''), b)),
  ),
  Pow: power,
  Min: extreme,
  Max: extreme,
  Sum: sum,
  Mean: mean,
  Where: where,
};
