import { tensor } from '../../../src/onnx/ir/tensor.js';
import type { GradientCase } from '../check-gradient.js';
import { nodeCase } from './node-case.js';

/** Pairs of shapes that broadcast in every way. */
const shapes: readonly [readonly number[], readonly number[]][] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [1, 3],
    [2, 1],
  ],
  [[], [2, 2]],
  [
    [2, 1, 4],
    [3, 1],
  ],
];
/** Disjoint, so that Min and Max have no ties. */
const ranges = [
  { low: 0.5, high: 1 },
  { low: 1.5, high: 2 },
  { low: 2.5, high: 3 },
];

export const arithmeticCases: readonly GradientCase[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Sum', 'Mean'].flatMap((opType) =>
    shapes.map(([a, b]) =>
      nodeCase(
        opType,
        {},
        { variables: { a: { dims: a, ...ranges[0] }, b: { dims: b, ...ranges[1] } } },
        { about: `[${a}] [${b}]` },
      ),
    ),
  ),
  ...['Min', 'Max', 'Sum', 'Mean'].flatMap((opType) => [
    nodeCase(
      opType,
      {},
      {
        variables: {
          a: { dims: [3], ...ranges[2] },
          b: { dims: [2, 1], ...ranges[0] },
          c: { dims: [2, 3], ...ranges[1] },
        },
      },
      { about: 'of three' },
    ),
    nodeCase(opType, {}, { variables: { a: { dims: [2, 3] } } }, { about: 'of one' }),
  ]),
  nodeCase(
    'Where',
    {},
    {
      variables: { a: { dims: [2, 3] }, b: { dims: [3] } },
      constants: { c: tensor('bool', [2, 1], Uint8Array.from([1, 0])) },
    },
    { inputs: ['c', 'a', 'b'] },
  ),
];
