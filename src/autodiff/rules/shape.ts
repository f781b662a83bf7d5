import { intAttribute, intsAttribute, stringAttribute } from '../../onnx/ir/graph.js';
import { constantIntegers, fromFront } from '../axes.js';
import { unbroadcast } from '../broadcast.js';
import type { Emitter } from '../emitter.js';
import type { GradientRule, RuleTable } from '../rule.js';

const zeros = (emit: Emitter, dims: readonly number[]) => emit.op('ConstantOfShape', [emit.shape(dims)]);

/** The permutation that moves `axis` to the front, and its inverse. */
function toFront(axis: number, rank: number): { forth: number[]; back: number[] } {
  const forth = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)];
  return { forth, back: forth.map((_, position) => forth.indexOf(position)) };
}

/** Adds slices of g back to where `indices` (int64 [n]) took them from along `axis` of a value of shape `dims`. */
function scatterAlong(emit: Emitter, g: string, axis: number, indices: string, dims: readonly number[]): string {
  const { forth, back } = toFront(axis, dims.length);
  const moved = (value: string, perm: readonly number[]) => (axis === 0 ? value : emit.transpose(value, perm));
  const target = zeros(
    emit,
    forth.map((from) => dims[from] ?? 1),
  );
  const column = emit.reshape(indices, [-1, 1]);
  return moved(emit.op('ScatterND', [target, column, moved(g, forth)], { reduction: 'add' }), back);
}

/** Any operator that only gives the elements another shape. */
const reshaped: GradientRule = ({ node, gradient, emit }) => [emit.reshape(gradient, emit.dims(node.inputs[0] ?? ''))];

const transpose: GradientRule = ({ node, gradient, emit }) => {
  const rank = emit.dims(node.inputs[0] ?? '').length;
  const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  return [
    emit.transpose(
      gradient,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ];
};

const concat: GradientRule = ({ node, gradient, emit }) => {
  const rank = emit.dims(node.outputs[0] ?? '').length;
  const axis = fromFront(intAttribute(node, 'axis', 0), rank);
  const sizes = node.inputs.map((input) => emit.dims(input)[axis] ?? 1);
  return emit.ops('Split', [gradient, emit.shape(sizes)], sizes.length, { axis });
};

const split: GradientRule = ({ node, gradients, emit }) => {
  const axis = intAttribute(node, 'axis', 0);
  const parts = node.outputs.map((output, index) => gradients[index] ?? zeros(emit, emit.dims(output)));
  return [emit.op('Concat', parts, { axis })];
};

/** Step 1 along every axis is a Pad with zeros; other steps scatter along their axis. */
const slice: GradientRule = ({ node, gradient, emit }) => {
  const [x = ''] = node.inputs;
  const dims = emit.dims(x);
  const starts = constantIntegers(emit, node, 1) ?? [];
  const axes = (constantIntegers(emit, node, 3) ?? starts.map((_, i) => i)).map((axis) => fromFront(axis, dims.length));
  const steps = constantIntegers(emit, node, 4) ?? starts.map(() => 1);
  const taken = emit.dims(node.outputs[0] ?? '');
  const before = dims.map(() => 0);
  const after = dims.map(() => 0);
  let result = gradient;
  const shape = [...taken];
  axes.forEach((axis, i) => {
    const size = dims[axis] ?? 1;
    const step = steps[i] ?? 1;
    const lowest = step > 0 ? 0 : -1;
    const highest = step > 0 ? size : size - 1;
    const start = Math.min(Math.max(fromFront(starts[i] ?? 0, size), lowest), highest);
    const count = taken[axis] ?? 0;
    if (step === 1) {
      before[axis] = start;
      after[axis] = size - start - count;
    } else {
      shape[axis] = size;
      const indices = emit.shape(Array.from({ length: count }, (_, position) => start + position * step));
      result = scatterAlong(emit, result, axis, indices, shape);
    }
  });
  return [
    [...before, ...after].some((pad) => pad !== 0)
      ? emit.op('Pad', [result, emit.shape([...before, ...after])])
      : result,
  ];
};

/** Constant padding: cut the padding off again. */
const pad: GradientRule = ({ node, gradient, emit }) => {
  const rank = emit.dims(node.inputs[0] ?? '').length;
  const stated = constantIntegers(emit, node, 1) ?? [];
  const axes =
    constantIntegers(emit, node, 3)?.map((axis) => fromFront(axis, rank)) ??
    Array.from({ length: rank }, (_, axis) => axis);
  const pads = Array.from({ length: 2 * rank }, () => 0);
  axes.forEach((axis, i) => {
    pads[axis] = -(stated[i] ?? 0);
    pads[rank + axis] = -(stated[axes.length + i] ?? 0);
  });
  return [emit.op('Pad', [gradient, emit.shape(pads)])];
};

/** Splits every axis into (repeats, size) and sums over the repeats. */
const tile: GradientRule = ({ node, gradient, emit }) => {
  const dims = emit.dims(node.inputs[0] ?? '');
  const repeats = constantIntegers(emit, node, 1) ?? dims.map(() => 1);
  const unfolded = emit.reshape(
    gradient,
    dims.flatMap((size, axis) => [repeats[axis] ?? 1, size]),
  );
  return [
    emit.sum(
      unfolded,
      dims.map((_, axis) => 2 * axis),
      false,
    ),
  ];
};

/** Every element was repeated scale times along each axis: sum over the repeats. */
const resize: GradientRule = ({ node, gradient, emit }) => {
  const dims = emit.dims(node.inputs[0] ?? '');
  const output = emit.dims(node.outputs[0] ?? '');
  const unfolded = emit.reshape(
    gradient,
    dims.flatMap((size, axis) => [size, (output[axis] ?? size) / size]),
  );
  return [
    emit.sum(
      unfolded,
      dims.map((_, axis) => 2 * axis + 1),
      false,
    ),
  ];
};

/** A sum of all before is undone by the sum of all after. */
const cumulativeSum: GradientRule = ({ node, gradient, emit }) => [
  emit.op('CumSum', [gradient, node.inputs[1] ?? ''], {
    exclusive: intAttribute(node, 'exclusive', 0),
    reverse: 1 - intAttribute(node, 'reverse', 0),
  }),
];

/** Rows that were taken several times get all their gradients. */
const gather: GradientRule = ({ node, gradient, emit }) => {
  const [x = '', indices = ''] = node.inputs;
  const dims = emit.dims(x);
  const axis = fromFront(intAttribute(node, 'axis', 0), dims.length);
  const size = dims[axis] ?? 1;
  const flat = emit.reshape(gradient, [...dims.slice(0, axis), -1, ...dims.slice(axis + 1)]);
  const whole = emit.op('Cast', [indices], { to: INT64 });
  const counted = emit.op('Where', [
    emit.op('Less', [whole, emit.shape([0])]),
    emit.add(whole, emit.shape([size])),
    whole,
  ]);
  return [scatterAlong(emit, flat, axis, counted, dims)];
};

const gatherElements: GradientRule = ({ node, gradient, emit }) => {
  const [x = '', indices = ''] = node.inputs;
  return [
    emit.op('ScatterElements', [zeros(emit, emit.dims(x)), indices, gradient], {
      axis: intAttribute(node, 'axis', 0),
      reduction: 'add',
    }),
  ];
};

/** DepthToSpace and SpaceToDepth as reshape, transpose, reshape; the gradient goes the same way back. */
const depthToSpace: GradientRule = ({ node, gradient, emit }) => {
  const [n = 1, c = 1, h = 1, w = 1] = emit.dims(node.inputs[0] ?? '');
  const b = intAttribute(node, 'blocksize', 1);
  const depth = c / (b * b);
  const unfolded = emit.reshape(gradient, [n, depth, h, b, w, b]);
  const perm = stringAttribute(node, 'mode', 'DCR') === 'CRD' ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  return [emit.reshape(emit.transpose(unfolded, perm), [n, c, h, w])];
};
const spaceToDepth: GradientRule = ({ node, gradient, emit }) => [
  emit.op('DepthToSpace', [gradient], { blocksize: intAttribute(node, 'blocksize', 1), mode: 'DCR' }),
];

/** TensorProto.INT64. */
const INT64 = 7;

/** Operators that move elements and compute nothing. */
export const shapeRules: RuleTable = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Tile: tile,
  Resize: resize,
  CumSum: cumulativeSum,
  Expand: ({ node, gradient, emit }) => [
    unbroadcast(emit, gradient, emit.dims(node.outputs[0] ?? ''), emit.dims(node.inputs[0] ?? '')),
  ],
  Gather: gather,
  GatherElements: gatherElements,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
