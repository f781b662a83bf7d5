import { intAttribute } from '../../onnx/ir/graph.js';
import { kept, reducedAxes } from '../axes.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';

/**
 * A rule for a reduction of x over some axes. `slope` gets the gradient g and the result y with the reduced axes kept as 1 and
 * returns the gradient by x up to broadcasting; `count` is how many elements each result stands for.
 */
const reduction =
  (
    slope: (emit: Emitter, x: string, y: string, g: string, count: number, axes: readonly number[]) => string,
  ): GradientRule =>
  ({ node, gradient, emit }) => {
    const [x = ''] = node.inputs;
    const dims = emit.dims(x);
    const axes = reducedAxes(emit, node, dims.length);
    const open = kept(dims, axes);
    const count = axes.reduce((product, axis) => product * (dims[axis] ?? 1), 1);
    const flat = intAttribute(node, 'keepdims', 1) === 0;
    const restored = (value: string) => (flat ? emit.reshape(value, open) : value);
    return [emit.expand(slope(emit, x, restored(node.outputs[0] ?? ''), restored(gradient), count, axes), dims)];
  };

/** The largest or smallest element takes the gradient; equal ones share it. */
const extreme = reduction((emit, x, y, g, _count, axes) => {
  const taken = emit.mask(emit.op('Equal', [x, y]));
  return emit.mul(taken, emit.div(g, emit.sum(taken, axes, true)));
});

/** x · g / y with 0 where the norm y is 0. */
const norm = reduction((emit, x, y, g) => {
  const safe = emit.op('Where', [emit.op('Equal', [y, emit.scalar(0)]), emit.scalar(1), y]);
  return emit.mul(x, emit.div(g, safe));
});

export const reductionRules: RuleTable = {
  ReduceSum: reduction((_emit, _x, _y, g) => g),
  ReduceMean: reduction((emit, _x, _y, g, count) => emit.scale(g, 1 / count)),
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceL1: reduction((emit, x, _y, g) => emit.mul(emit.op('Sign', [x]), g)),
  ReduceL2: norm,
  ReduceSumSquare: reduction((emit, x, _y, g) => emit.mul(emit.scale(x, 2), g)),
  ReduceLogSum: reduction((emit, _x, y, g) => emit.mul(g, emit.op('Exp', [emit.neg(y)]))),
  ReduceLogSumExp: reduction((emit, x, y, g) => emit.mul(g, emit.op('Exp', [emit.sub(x, y)]))),
  ReduceProd: reduction((emit, x, y, g) => emit.mul(g, emit.div(y, x))),
  GlobalAveragePool: ({ node, gradient, emit }) => {
    const dims = emit.dims(node.inputs[0] ?? '');
    return [emit.expand(emit.scale(gradient, 1 / dims.slice(2).reduce((a, b) => a * b, 1)), dims)];
  },
  GlobalMaxPool: ({ node, gradient, emit }) => {
    const [x = ''] = node.inputs;
    const spatial = emit.dims(x).flatMap((_, axis) => (axis < 2 ? [] : [axis]));
    const taken = emit.mask(emit.op('Equal', [x, node.outputs[0] ?? '']));
    return [emit.mul(taken, emit.div(gradient, emit.sum(taken, spatial, true)))];
  },
};
