import { int64s } from '../../../src/onnx/ir/tensor.js';
import type { GradientCase, Variable } from '../check-gradient.js';
import { type Attributes, nodeCase } from './node-case.js';

const positive = { low: 0.5, high: 2 };
const negative = { low: -2, high: -0.5 };
const spaced = { spaced: true };

/** Ranges keep clear of kinks and ties. */
const kinds: Readonly<Record<string, Partial<Variable>>> = {
  ReduceSum: {},
  ReduceMean: {},
  ReduceL1: negative,
  ReduceL2: negative,
  ReduceSumSquare: {},
  ReduceLogSum: positive,
  ReduceLogSumExp: {},
  ReduceProd: positive,
  ReduceMax: spaced,
  ReduceMin: spaced,
};
const variants: readonly [Attributes, readonly number[] | null][] = [
  [{}, null],
  [{ keepdims: 0 }, null],
  [{}, [1]],
  [{ keepdims: 0 }, [0, -1]],
  [{ noop_with_empty_axes: 1 }, null],
  [{ noop_with_empty_axes: 1, keepdims: 0 }, []],
];

export const reductionCases: readonly GradientCase[] = Object.entries(kinds).flatMap(([opType, range]) =>
  variants.map(([attributes, axes]) =>
    nodeCase(
      opType,
      attributes,
      { variables: { x: { dims: [2, 3, 4], ...range } }, ...(axes && { constants: { axes: int64s(axes) } }) },
      { about: `${JSON.stringify(attributes)} over ${axes ?? 'no stated axes'}` },
    ),
  ),
);
