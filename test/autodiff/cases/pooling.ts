import { node } from '../../../src/onnx/ir/graph.js';
import { floats } from '../../../src/onnx/ir/tensor.js';
import type { GradientCase } from '../check-gradient.js';
import { type Attributes, nodeCase } from './node-case.js';

const pools: readonly [string, Attributes][] = [
  ['MaxPool', { kernel_shape: [2, 2], strides: [2, 2] }],
  ['MaxPool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
  ['MaxPool', { kernel_shape: [2, 2], dilations: [2, 3] }],
  ['MaxPool', { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
  ['MaxPool', { kernel_shape: [4, 4], strides: [4, 4], ceil_mode: 1 }],
  ['AveragePool', { kernel_shape: [2, 2], strides: [2, 2] }],
  ['AveragePool', { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }],
  ['AveragePool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }],
  ['AveragePool', { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER', count_include_pad: 1 }],
  ...['MaxPool', 'AveragePool'].flatMap((opType): [string, Attributes][] =>
    ['SAME_UPPER', 'SAME_LOWER', 'VALID'].map((auto_pad) => [
      opType,
      { kernel_shape: [3, 3], strides: [2, 2], auto_pad },
    ]),
  ),
  ['GlobalAveragePool', {}],
  ['GlobalMaxPool', {}],
];

export const poolingCases: readonly GradientCase[] = [
  ...pools.map(([opType, attributes]) =>
    nodeCase(opType, attributes, { variables: { x: { dims: [2, 3, 6, 6], spaced: true } } }),
  ),
  nodeCase(
    'AveragePool',
    { kernel_shape: [2, 3], dilations: [3, 2], pads: [1, 0, 1, 2] },
    { variables: { x: { dims: [2, 3, 6, 6] } }, opset: 19 },
  ),
  ...[
    [2, 3, 7, 5],
    [1, 2, 9],
  ].map((dims) => {
    const kernel_shape = dims.slice(2).map(() => 3);
    return nodeCase(
      'MaxPool',
      { kernel_shape, strides: kernel_shape },
      { variables: { x: { dims, spaced: true } } },
      { about: `of windows that tile [${dims}]` },
    );
  }),
  ...['MaxPool', 'AveragePool'].map((opType) =>
    nodeCase(
      opType,
      { kernel_shape: [3], strides: [2], pads: [1, 0] },
      { variables: { x: { dims: [2, 2, 9], spaced: true } } },
      { about: 'of one dimension' },
    ),
  ),
  {
    name: 'Relu that moves behind MaxPool',
    nodes: [
      node('Sub', ['x', 'shift'], ['shifted']),
      node('Relu', ['shifted'], ['r']),
      node('MaxPool', ['r'], ['y'], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
    ],
    constants: { shift: floats([0.62], []) },
    variables: { x: { dims: [1, 1, 6, 6], spaced: true } },
  },
];
