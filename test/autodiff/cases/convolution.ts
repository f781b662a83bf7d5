import type { GradientCase } from '../check-gradient.js';
import { type Attributes, nodeCase } from './node-case.js';

/** Name, shapes of the input and of the weights, attributes. */
type Line = readonly [string, readonly number[], readonly number[], Attributes];

const convolutions: readonly Line[] = [
  ['3x3', [2, 3, 5, 6], [4, 3, 3, 3], {}],
  ['3x3 pads 1', [2, 3, 5, 6], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }],
  ['many channels', [2, 9, 5, 5], [4, 9, 3, 3], { pads: [1, 1, 1, 1] }],
  ['many channels, stride 2', [2, 9, 6, 7], [4, 9, 3, 2], { strides: [2, 2], pads: [1, 0, 1, 1] }],
  ['many channels, one dimension', [2, 9, 7], [4, 9, 3], { dilations: [2] }],
  ['so large that it is taken offset by offset', [1, 9, 480, 480], [1, 9, 3, 3], {}],
  ['1x1', [2, 9, 4, 4], [3, 9, 1, 1], {}],
  ['1x1 stride 2', [2, 3, 5, 5], [4, 3, 1, 1], { strides: [2, 2] }],
  ['stride 2', [2, 3, 7, 6], [4, 3, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }],
  ['stride 3, unreached end', [1, 2, 9, 8], [3, 2, 2, 2], { strides: [3, 3] }],
  ['dilation 2', [2, 3, 8, 8], [4, 3, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] }],
  ['asymmetric pads', [1, 2, 5, 5], [3, 2, 3, 3], { pads: [0, 1, 2, 0] }],
  ['even kernel', [1, 2, 6, 6], [3, 2, 2, 4], { pads: [1, 1, 0, 2] }],
  ['groups 2', [2, 4, 5, 5], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }],
  ['groups 2, stride 2, unreached end', [2, 4, 8, 8], [4, 2, 3, 3], { group: 2, strides: [2, 2] }],
  [
    'groups 2, stride 3, dilation 2',
    [1, 4, 11, 11],
    [4, 2, 3, 3],
    { group: 2, strides: [3, 3], dilations: [2, 2], pads: [1, 1, 1, 1] },
  ],
  ['depthwise', [2, 4, 5, 5], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }],
  ['depthwise stride 2', [2, 4, 7, 7], [4, 1, 3, 3], { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }],
  [
    'depthwise, 3x2, uneven',
    [2, 4, 8, 7],
    [4, 1, 3, 2],
    { group: 4, strides: [1, 3], dilations: [2, 1], pads: [2, 0, 1, 1] },
  ],
  ['depthwise of one row', [2, 4, 1, 5], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }],
  ['depthwise, one dimension', [2, 4, 7], [4, 1, 3], { group: 4, strides: [2], pads: [1, 1] }],
  ['depthwise multiplier 2', [2, 3, 5, 5], [6, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }],
  ['one dimension', [2, 3, 9], [4, 3, 3], { pads: [1, 1] }],
  ['three dimensions', [1, 2, 4, 4, 4], [3, 2, 2, 2, 2], {}],
  ['SAME_UPPER', [1, 2, 6, 6], [3, 2, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }],
  ['VALID', [1, 2, 6, 5], [3, 2, 3, 3], { auto_pad: 'VALID', kernel_shape: [3, 3] }],
  ['SAME_LOWER', [1, 2, 6, 6], [3, 2, 3, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }],
];

const transposedConvolutions: readonly Line[] = [
  ['2x2 stride 2', [1, 3, 4, 4], [3, 2, 2, 2], { strides: [2, 2], kernel_shape: [2, 2] }],
  [
    '3x3 stride 2 output_padding',
    [1, 3, 4, 4],
    [3, 2, 3, 3],
    { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
  ],
  ['groups 2', [1, 4, 4, 4], [4, 1, 3, 3], { group: 2, pads: [1, 1, 1, 1] }],
  ['dilation 2, uneven pads', [1, 2, 4, 5], [2, 3, 3, 2], { dilations: [2, 1], pads: [1, 0, 2, 1] }],
  ['one dimension', [2, 3, 5], [3, 2, 3], { strides: [2] }],
  ['SAME_UPPER', [1, 2, 4, 4], [2, 3, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }],
  ['SAME_LOWER', [1, 2, 4, 4], [2, 3, 3, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }],
  ['VALID', [1, 2, 4, 4], [2, 3, 3, 3], { auto_pad: 'VALID' }],
  ['output_shape', [1, 2, 4, 4], [2, 3, 3, 3], { output_shape: [8, 7], strides: [2, 2] }],
  ['output_shape beyond what is reached', [1, 2, 4, 4], [2, 3, 3, 3], { output_shape: [10, 9], strides: [2, 2] }],
  [
    'output_shape, SAME_UPPER, output_padding',
    [1, 2, 4, 4],
    [2, 3, 3, 3],
    { output_shape: [8, 7], strides: [2, 2], auto_pad: 'SAME_UPPER', output_padding: [1, 0] },
  ],
  [
    'output_shape, output_padding',
    [1, 2, 4, 4],
    [2, 3, 3, 3],
    { output_shape: [9, 8], strides: [2, 2], output_padding: [1, 0] },
  ],
];

const withBias = (
  opType: string,
  outputs: (weights: readonly number[], group: number) => number,
  [about, x, w, attributes]: Line,
) =>
  nodeCase(
    opType,
    attributes,
    { variables: { x: { dims: x }, w: { dims: w }, b: { dims: [outputs(w, Number(attributes.group ?? 1))] } } },
    { about },
  );

export const convolutionCases: readonly GradientCase[] = [
  ...convolutions.map((line) => withBias('Conv', ([outputs = 1]) => outputs, line)),
  ...transposedConvolutions.map((line) => withBias('ConvTranspose', ([, outputs = 1], group) => outputs * group, line)),
  ...['Conv', 'ConvTranspose'].map((opType) =>
    nodeCase(
      opType,
      {},
      { variables: { x: { dims: [1, 2, 5, 5] }, w: { dims: [2, 2, 3, 3] } } },
      { about: 'without bias' },
    ),
  ),
];
