import { test } from 'node:test';
import { float, node } from '../../src/onnx/ir/graph.js';
import { floats, int64s, tensor } from '../../src/onnx/ir/tensor.js';
import { checkGradient, type GradientCase } from './check-gradient.js';

type Attributes = NonNullable<NonNullable<Parameters<typeof node>[3]>['attributes']>;
const positive = { low: 0.5, high: 2 };
const spaced = { spaced: true };

/** y = f(x): name, attributes, range. Ranges keep clear of kinks, where a derivative does not exist. */
const unary: readonly [string, Attributes?, { low?: number; high?: number; spaced?: boolean }?][] = [
  ['Relu', {}, { low: 0.1, high: 1 }],
  ['Relu', {}, { low: -1, high: -0.1 }],
  ['LeakyRelu', { alpha: float(0.3) }, { low: -1, high: -0.1 }],
  ['Sigmoid'],
  ['Tanh'],
  ['Exp'],
  ['Log', {}, positive],
  ['Sqrt', {}, positive],
  ['Reciprocal', {}, positive],
  ['Neg'],
  ['Abs', {}, { low: -1, high: -0.1 }],
  ['Sin'],
  ['Cos'],
  ['Erf'],
  ['Softplus'],
  ['Softsign', {}, { low: 0.1, high: 1 }],
  ['Elu', { alpha: float(0.7) }, { low: -2, high: -0.1 }],
  ['Selu', {}, { low: -2, high: -0.1 }],
  ['Celu', { alpha: float(1.5) }, { low: -2, high: -0.1 }],
  ['ThresholdedRelu', { alpha: float(0.5) }, { low: 0.6, high: 2 }],
  ['HardSigmoid', { alpha: float(0.3) }, { low: -1, high: 1 }],
  ['HardSigmoid', {}, { low: 3, high: 5 }],
  ['HardSwish', {}, { low: -2.8, high: 2.8 }],
  ['HardSwish', {}, { low: 3.1, high: 4 }],
  ['HardSwish', {}, { low: -5, high: -3.1 }],
  ['Mish'],
  ['Identity'],
  ['Softmax', { axis: -1 }],
  ['Softmax', { axis: 1 }],
  ['LogSoftmax', { axis: 0 }],
  ['LogSoftmax', { axis: -1 }],
  ['LpNormalization', { axis: 1, p: 2 }],
  ['Flatten', { axis: 2 }],
  ['Transpose', { perm: [2, 0, 1] }],
  ['Transpose'],
  ['ReduceSum', { keepdims: 0 }],
  ['ReduceMean'],
  ['ReduceL1', { keepdims: 0 }, positive],
  ['ReduceL2', {}, positive],
  ['ReduceSumSquare'],
  ['ReduceLogSum', {}, positive],
  ['ReduceLogSumExp'],
  ['ReduceProd', {}, positive],
  ['ReduceMax', {}, spaced],
  ['ReduceMin', { keepdims: 0 }, spaced],
];
const cases: GradientCase[] = unary.map(([opType, attributes = {}, range = {}]) => ({
  name: `${opType} ${JSON.stringify(attributes, (_, v) => (typeof v === 'object' && v !== null && 'kind' in v ? v.value : v))}`,
  nodes: [node(opType, ['x'], ['y'], { attributes })],
  variables: { x: { dims: [2, 3, 4], ...range } },
}));

/** y = f(a, b) over pairs of shapes that broadcast in every way. */
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
for (const opType of ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Sum', 'Mean']) {
  for (const [a, b] of shapes) {
    // Disjoint ranges, so that Min and Max have no ties.
    const variables = { a: { dims: a, low: 0.5, high: 1 }, b: { dims: b, low: 1.5, high: 2 } };
    cases.push({ name: `${opType} [${a}] [${b}]`, nodes: [node(opType, ['a', 'b'], ['y'])], variables });
  }
}

for (const [a, b] of [
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
  [[4], [4, 2]],
  [[3, 4], [4]],
  [[4], [4]],
  [[2, 3, 4], [4]],
]) {
  cases.push({
    name: `MatMul [${a}] [${b}]`,
    nodes: [node('MatMul', ['a', 'b'], ['y'])],
    variables: { a: { dims: a ?? [] }, b: { dims: b ?? [] } },
  });
}
for (const transA of [0, 1]) {
  for (const transB of [0, 1]) {
    cases.push({
      name: `Gemm transA=${transA} transB=${transB}`,
      nodes: [
        node('Gemm', ['a', 'b', 'c'], ['y'], { attributes: { transA, transB, alpha: float(0.7), beta: float(1.3) } }),
      ],
      variables: { a: { dims: transA ? [4, 3] : [3, 4] }, b: { dims: transB ? [2, 4] : [4, 2] }, c: { dims: [2] } },
    });
  }
}

const convolutions: readonly [string, readonly number[], readonly number[], Attributes][] = [
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
  ['depthwise, one dimension', [2, 4, 7], [4, 1, 3], { group: 4, strides: [2], pads: [1, 1] }],
  ['depthwise multiplier 2', [2, 3, 5, 5], [6, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }],
  ['one dimension', [2, 3, 9], [4, 3, 3], { pads: [1, 1] }],
  ['three dimensions', [1, 2, 4, 4, 4], [3, 2, 2, 2, 2], {}],
  ['SAME_UPPER', [1, 2, 6, 6], [3, 2, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }],
  ['SAME_LOWER', [1, 2, 6, 6], [3, 2, 3, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }],
];
for (const [name, x, w, attributes] of convolutions) {
  const variables = { x: { dims: x }, w: { dims: w }, b: { dims: [w[0] ?? 1] } };
  cases.push({ name: `Conv ${name}`, nodes: [node('Conv', ['x', 'w', 'b'], ['y'], { attributes })], variables });
}
const transposedConvolutions: readonly [string, readonly number[], readonly number[], Attributes][] = [
  ['2x2 stride 2', [1, 3, 4, 4], [3, 2, 2, 2], { strides: [2, 2] }],
  [
    '3x3 stride 2 output_padding',
    [1, 3, 4, 4],
    [3, 2, 3, 3],
    { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
  ],
  ['groups 2', [1, 4, 4, 4], [4, 1, 3, 3], { group: 2, pads: [1, 1, 1, 1] }],
];
for (const [name, x, w, attributes] of transposedConvolutions) {
  cases.push({
    name: `ConvTranspose ${name}`,
    nodes: [node('ConvTranspose', ['x', 'w'], ['y'], { attributes })],
    variables: { x: { dims: x }, w: { dims: w } },
  });
}

const pools: readonly [string, Attributes][] = [
  ['MaxPool', { kernel_shape: [2, 2], strides: [2, 2] }],
  ['MaxPool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
  ['AveragePool', { kernel_shape: [2, 2], strides: [2, 2] }],
  ['AveragePool', { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }],
  ['AveragePool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }],
  ['GlobalAveragePool', {}],
  ['GlobalMaxPool', {}],
];
for (const dims of [
  [2, 3, 7, 5],
  [1, 2, 9],
]) {
  const kernel = dims.slice(2).map(() => 3);
  cases.push({
    name: `MaxPool of windows that tile [${dims}]`,
    nodes: [node('MaxPool', ['x'], ['y'], { attributes: { kernel_shape: kernel, strides: kernel } })],
    variables: { x: { dims, spaced: true } },
  });
}
cases.push({
  name: 'Relu that moves behind MaxPool',
  nodes: [
    node('Sub', ['x', 'shift'], ['shifted']),
    node('Relu', ['shifted'], ['r']),
    node('MaxPool', ['r'], ['y'], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
  ],
  constants: { shift: floats([0.62], []) },
  variables: { x: { dims: [1, 1, 6, 6], spaced: true } },
});
for (const [opType, attributes] of pools) {
  cases.push({
    name: `${opType} ${JSON.stringify(attributes)}`,
    nodes: [node(opType, ['x'], ['y'], { attributes })],
    variables: { x: { dims: [2, 3, 6, 6], spaced: true } },
  });
}

const perChannel = { scale: { dims: [3], low: 0.5, high: 1.5 }, bias: { dims: [3] } };
cases.push(
  {
    name: 'LayerNormalization',
    nodes: [node('LayerNormalization', ['x', 'scale', 'bias'], ['y'], { attributes: { axis: -1 } })],
    variables: { x: { dims: [2, 4, 3] }, ...perChannel },
  },
  {
    name: 'LayerNormalization axis 1',
    nodes: [node('LayerNormalization', ['x', 'scale', 'bias'], ['y'], { attributes: { axis: 1 } })],
    variables: { x: { dims: [2, 4, 3] }, scale: { dims: [4, 3] }, bias: { dims: [4, 3] } },
  },
  {
    name: 'InstanceNormalization',
    nodes: [node('InstanceNormalization', ['x', 'scale', 'bias'], ['y'])],
    variables: { x: { dims: [2, 3, 4, 4] }, ...perChannel },
  },
  {
    name: 'BatchNormalization frozen',
    nodes: [node('BatchNormalization', ['x', 'scale', 'bias', 'm', 'v'], ['y'])],
    variables: { x: { dims: [2, 3, 4] }, ...perChannel },
    constants: { m: floats([0.1, -0.2, 0.3]), v: floats([0.5, 1, 2]) },
  },
  {
    name: 'BatchNormalization training',
    nodes: [
      node('BatchNormalization', ['x', 'scale', 'bias', 'm', 'v'], ['y', 'rm', 'rv'], {
        attributes: { training_mode: 1 },
      }),
    ],
    variables: { x: { dims: [4, 3, 3] }, ...perChannel },
    constants: { m: floats([0, 0, 0]), v: floats([1, 1, 1]) },
  },
  {
    name: 'BatchNormalization training, statistics of the batch',
    nodes: [
      node('BatchNormalization', ['x', 'scale', 'bias', 'm', 'v'], ['y', 'bm', 'bv'], {
        attributes: { training_mode: 1, momentum: float(0) },
      }),
    ],
    variables: { x: { dims: [4, 3, 3], low: 4, high: 6 }, ...perChannel },
    constants: { m: floats([0, 0, 0]), v: floats([1, 1, 1]) },
  },
  {
    name: 'PRelu',
    nodes: [node('PRelu', ['x', 's'], ['y'])],
    variables: { x: { dims: [2, 3, 4], low: -1, high: -0.1 }, s: { dims: [3, 1] } },
  },
  {
    name: 'Where',
    nodes: [node('Where', ['c', 'a', 'b'], ['y'])],
    variables: { a: { dims: [2, 3] }, b: { dims: [3] } },
    constants: { c: tensor('bool', [2, 1], Uint8Array.from([1, 0])) },
  },
  {
    name: 'Clip',
    nodes: [node('Clip', ['x', 'low', 'high'], ['y'])],
    variables: { x: { dims: [3, 3], low: -0.4, high: 0.4 } },
    constants: { low: floats([-0.5], []), high: floats([0.5], []) },
  },
  {
    name: 'Clip outside',
    nodes: [node('Clip', ['x', '', 'high'], ['y'])],
    variables: { x: { dims: [3, 3], low: 0.6, high: 1 } },
    constants: { high: floats([0.5], []) },
  },
  {
    name: 'Concat',
    nodes: [node('Concat', ['a', 'b'], ['y'], { attributes: { axis: 1 } })],
    variables: { a: { dims: [2, 3] }, b: { dims: [2, 1] } },
  },
  {
    name: 'Split, one part unused',
    nodes: [node('Split', ['x', 's'], ['p', 'q'], { attributes: { axis: 1 } }), node('Mul', ['q', 'q'], ['y'])],
    variables: { x: { dims: [2, 5] } },
    constants: { s: int64s([2, 3]) },
  },
  {
    name: 'Reshape',
    nodes: [node('Reshape', ['x', 's'], ['y'])],
    variables: { x: { dims: [2, 6] } },
    constants: { s: int64s([3, -1]) },
  },
  {
    name: 'Squeeze',
    nodes: [node('Squeeze', ['x', 'a'], ['y'])],
    variables: { x: { dims: [2, 1, 3] } },
    constants: { a: int64s([1]) },
  },
  {
    name: 'Unsqueeze',
    nodes: [node('Unsqueeze', ['x', 'a'], ['y'])],
    variables: { x: { dims: [2, 3] } },
    constants: { a: int64s([0, 3]) },
  },
  {
    name: 'Slice',
    nodes: [node('Slice', ['x', 's', 'e', 'a'], ['y'])],
    variables: { x: { dims: [4, 6] } },
    constants: { s: int64s([1, -4]), e: int64s([3, 2 ** 40]), a: int64s([0, 1]) },
  },
  {
    name: 'Slice with steps',
    nodes: [node('Slice', ['x', 's', 'e', 'a', 't'], ['y'])],
    variables: { x: { dims: [4, 7] } },
    constants: { s: int64s([1, 6]), e: int64s([4, -100]), a: int64s([0, 1]), t: int64s([2, -3]) },
  },
  {
    name: 'Pad',
    nodes: [node('Pad', ['x', 'p'], ['y'])],
    variables: { x: { dims: [2, 3] } },
    constants: { p: int64s([1, 0, 0, 2]) },
  },
  {
    name: 'Expand',
    nodes: [node('Expand', ['x', 's'], ['y'])],
    variables: { x: { dims: [3, 1] } },
    constants: { s: int64s([2, 3, 4]) },
  },
  {
    name: 'Tile',
    nodes: [node('Tile', ['x', 'r'], ['y'])],
    variables: { x: { dims: [2, 3] } },
    constants: { r: int64s([2, 3]) },
  },
  {
    name: 'Gather axis 0, repeated',
    nodes: [node('Gather', ['x', 'i'], ['y'])],
    variables: { x: { dims: [5, 3] } },
    constants: { i: int64s([0, 2, 2, -1], [2, 2]) },
  },
  {
    name: 'Gather axis 1',
    nodes: [node('Gather', ['x', 'i'], ['y'], { attributes: { axis: 1 } })],
    variables: { x: { dims: [2, 4, 3] } },
    constants: { i: int64s([3, 3, 0]) },
  },
  {
    name: 'GatherElements',
    nodes: [node('GatherElements', ['x', 'i'], ['y'], { attributes: { axis: 1 } })],
    variables: { x: { dims: [2, 3] } },
    constants: { i: int64s([0, 0, 2, 1], [2, 2]) },
  },
  {
    name: 'DepthToSpace DCR',
    nodes: [node('DepthToSpace', ['x'], ['y'], { attributes: { blocksize: 2 } })],
    variables: { x: { dims: [1, 8, 2, 3] } },
  },
  {
    name: 'DepthToSpace CRD',
    nodes: [node('DepthToSpace', ['x'], ['y'], { attributes: { blocksize: 2, mode: 'CRD' } })],
    variables: { x: { dims: [1, 8, 2, 3] } },
  },
  {
    name: 'SpaceToDepth',
    nodes: [node('SpaceToDepth', ['x'], ['y'], { attributes: { blocksize: 2 } })],
    variables: { x: { dims: [1, 2, 4, 6] } },
  },
  {
    name: 'ReduceSum over axes',
    nodes: [node('ReduceSum', ['x', 'a'], ['y'], { attributes: { keepdims: 0 } })],
    variables: { x: { dims: [2, 3, 4] } },
    constants: { a: int64s([0, -1]) },
  },
  {
    name: 'ReduceMean over axes',
    nodes: [node('ReduceMean', ['x', 'a'], ['y'])],
    variables: { x: { dims: [2, 3, 4] } },
    constants: { a: int64s([1]) },
  },
  {
    name: 'CumSum exclusive and reverse',
    nodes: [
      node('CumSum', ['x', 'a'], ['s'], { attributes: { exclusive: 1 } }),
      node('CumSum', ['s', 'a'], ['y'], { attributes: { reverse: 1 } }),
    ],
    variables: { x: { dims: [2, 4] } },
    constants: { a: int64s([1], []) },
  },
  {
    name: 'Resize nearest, half_pixel',
    nodes: [node('Resize', ['x', '', 's'], ['y'])],
    variables: { x: { dims: [1, 2, 2, 3] } },
    constants: { s: floats([1, 1, 3, 2]) },
  },
  {
    name: 'Resize nearest, asymmetric and floor',
    nodes: [
      node('Resize', ['x', '', 's'], ['y'], {
        attributes: { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      }),
    ],
    variables: { x: { dims: [1, 2, 2, 3] } },
    constants: { s: floats([1, 1, 2, 3]) },
  },
  { name: 'Dropout in inference mode', nodes: [node('Dropout', ['x'], ['y'])], variables: { x: { dims: [2, 3] } } },
  {
    name: 'a value read twice',
    nodes: [node('Tanh', ['x'], ['t']), node('Mul', ['t', 't'], ['u']), node('Add', ['u', 't'], ['y'])],
    variables: { x: { dims: [2, 3] } },
  },
);

for (const c of cases) test(`gradient of ${c.name}`, () => checkGradient(c));
