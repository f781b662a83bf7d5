import { node } from '../../../src/onnx/ir/graph.js';
import { floats, int64s, scalar, type Tensor } from '../../../src/onnx/ir/tensor.js';
import type { GradientCase } from '../check-gradient.js';
import { type Attributes, nodeCase } from './node-case.js';

/** What it is, operator, attributes, shape of x, other inputs in their order (null an absent one). */
type Line = readonly [string, string, Attributes, readonly number[], ...(Tensor | null)[]];

const lines: readonly Line[] = [
  ['axis 2', 'Flatten', { axis: 2 }, [2, 3, 4]],
  ['', 'Flatten', {}, [2, 3, 4]],
  ['from the end', 'Flatten', { axis: -1 }, [2, 3, 4]],
  ['', 'Transpose', {}, [2, 3, 4]],
  ['perm', 'Transpose', { perm: [2, 0, 1] }, [2, 3, 4]],
  ['with a rest', 'Reshape', {}, [2, 6], int64s([3, -1])],
  ['with a kept size', 'Reshape', {}, [2, 6], int64s([0, 2, 3])],
  ['one axis', 'Squeeze', {}, [2, 1, 3], int64s([1])],
  ['every axis', 'Squeeze', {}, [1, 3, 1]],
  ['', 'Unsqueeze', {}, [2, 3], int64s([0, 3])],
  ['', 'Slice', {}, [4, 6], int64s([1, -4]), int64s([3, 2 ** 40]), int64s([0, 1])],
  ['without axes', 'Slice', {}, [4, 6], int64s([1, 2]), int64s([3, 4])],
  ['an axis from the end', 'Slice', {}, [4, 6], int64s([2]), int64s([-1]), int64s([-1])],
  ['with steps', 'Slice', {}, [4, 7], int64s([1, 6]), int64s([4, -100]), int64s([0, 1]), int64s([2, -3])],
  ['', 'Pad', {}, [2, 3], int64s([1, 0, 0, 2])],
  ['with a value, along axes', 'Pad', { mode: 'constant' }, [2, 3, 4], int64s([1, 2]), scalar(0.7), int64s([-2])],
  ['that cuts off', 'Pad', {}, [4, 5], int64s([-1, 2, 0, -2])],
  ['', 'Expand', {}, [3, 1], int64s([2, 3, 4])],
  ['', 'Tile', {}, [2, 3], int64s([2, 3])],
  ['axis 0, repeated', 'Gather', {}, [5, 3], int64s([0, 2, 2, -1], [2, 2])],
  ['axis 1', 'Gather', { axis: 1 }, [2, 4, 3], int64s([3, 3, 0])],
  ['one row, from the end', 'Gather', { axis: -1 }, [2, 4], int64s([2], [])],
  ['', 'GatherElements', {}, [3, 2], int64s([0, -1, 2, 1], [2, 2])],
  ['axis 1', 'GatherElements', { axis: 1 }, [2, 3], int64s([0, 0, 2, 1], [2, 2])],
  ['DCR', 'DepthToSpace', { blocksize: 2 }, [1, 8, 2, 3]],
  ['CRD', 'DepthToSpace', { blocksize: 2, mode: 'CRD' }, [1, 8, 2, 3]],
  ['', 'SpaceToDepth', { blocksize: 2 }, [1, 2, 4, 6]],
  ['exclusive', 'CumSum', { exclusive: 1 }, [2, 4], int64s([1], [])],
  ['reverse', 'CumSum', { reverse: 1 }, [2, 4], int64s([-2], [])],
  ['exclusive and reverse', 'CumSum', { exclusive: 1, reverse: 1 }, [2, 4], int64s([1], [])],
  ['nearest, half_pixel', 'Resize', {}, [1, 2, 2, 3], null, floats([1, 1, 3, 2])],
  ['nearest, rounded up', 'Resize', { nearest_mode: 'round_prefer_ceil' }, [1, 2, 2, 3], null, floats([1, 1, 4, 2])],
  [
    'nearest, asymmetric and floor',
    'Resize',
    { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
    [1, 2, 2, 3],
    null,
    floats([1, 1, 2, 3]),
  ],
];

/** Only the last part is read, so that the others get no gradient. */
const splits: readonly [string, Attributes, number, Tensor?][] = [
  ['parts of two sizes', { axis: 1 }, 2, int64s([2, 3])],
  ['a smaller last part', { axis: -1, num_outputs: 3 }, 3],
  ['equal parts', { num_outputs: 2 }, 2],
];

export const shapeCases: readonly GradientCase[] = [
  ...lines.map(([about, opType, attributes, dims, ...others]) =>
    nodeCase(
      opType,
      attributes,
      {
        variables: { x: { dims } },
        constants: Object.fromEntries(others.flatMap((each, i) => (each ? [[`input${i + 1}`, each]] : []))),
      },
      { about, inputs: ['x', ...others.map((each, i) => (each ? `input${i + 1}` : ''))] },
    ),
  ),
  ...splits.map(([about, attributes, count, sizes]) => {
    const parts = Array.from({ length: count }, (_, i) => `part${i}`);
    const last = parts.at(-1) ?? '';
    return {
      name: `Split into ${about}, one of them used`,
      nodes: [node('Split', sizes ? ['x', 'sizes'] : ['x'], parts, { attributes }), node('Mul', [last, last], ['y'])],
      variables: { x: { dims: [2, 5] } },
      ...(sizes && { constants: { sizes } }),
    };
  }),
  ...[1, -2].map((axis) =>
    nodeCase('Concat', { axis }, { variables: { a: { dims: [2, 3] }, b: { dims: [2, axis === 1 ? 1 : 3] } } }),
  ),
  {
    name: 'a value read twice',
    nodes: [node('Tanh', ['x'], ['t']), node('Mul', ['t', 't'], ['u']), node('Add', ['u', 't'], ['y'])],
    variables: { x: { dims: [2, 3] } },
  },
];
