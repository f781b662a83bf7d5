import { float } from '../../../src/onnx/ir/graph.js';
import type { GradientCase } from '../check-gradient.js';
import { nodeCase } from './node-case.js';

const products: readonly [readonly number[], readonly number[]][] = [
  [
    [3, 4],
    [4, 2],
  ],
  [
    [2, 3, 4],
    [4, 5],
  ],
  [
    [2, 3, 4],
    [2, 4, 2],
  ],
  [
    [2, 1, 3, 4],
    [3, 4, 2],
  ],
  [
    [3, 4],
    [2, 4, 5],
  ],
  [[4], [4, 2]],
  [[3, 4], [4]],
  [[4], [4]],
  [[2, 3, 4], [4]],
  [[4], [2, 4, 3]],
];
/** Whether A and B are transposed, shape of C. */
const gemms: readonly [number, number, readonly number[] | null][] = [
  [0, 0, [2]],
  [0, 1, [3, 2]],
  [1, 0, [3, 1]],
  [1, 1, []],
  [0, 0, null],
];

export const matmulCases: readonly GradientCase[] = [
  ...products.map(([a, b]) =>
    nodeCase('MatMul', {}, { variables: { a: { dims: a }, b: { dims: b } } }, { about: `[${a}] [${b}]` }),
  ),
  ...gemms.map(([transA, transB, c]) =>
    nodeCase(
      'Gemm',
      { transA, transB, alpha: float(0.7), beta: float(1.3) },
      {
        variables: {
          a: { dims: transA ? [4, 3] : [3, 4] },
          b: { dims: transB ? [2, 4] : [4, 2] },
          ...(c && { c: { dims: c } }),
        },
      },
      { about: `transA=${transA} transB=${transB} C=${c && `[${c}]`}` },
    ),
  ),
];
