import { float, type Model, node } from '../../src/onnx/ir/graph.js';
import { int64s, scalar, type Tensor } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';
import { randomTensors, smallModel } from '../onnx/small-model.js';

const weights = randomTensors(seededRandom(11));
const image = { x: [2, 3, 6, 6] };
const pads = { pads: [1, 1, 1, 1] };

/** A small network, what it is fed, and the sizes of its channel groups: [units, of which may go]. */
export interface CutNetwork {
  readonly model: Model;
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly groups: readonly (readonly [number, number])[];
}

type Nodes = Parameters<typeof smallModel>[0]['nodes'];
const network = (
  inputs: CutNetwork['inputs'],
  groups: CutNetwork['groups'],
  constants: Readonly<Record<string, Tensor>>,
  nodes: Nodes,
): CutNetwork => ({ model: smallModel({ inputs, outputs: ['y'], constants, nodes, opset: 18 }), inputs, groups });

/** A first layer of four channels, h, and a last one that reads `last` (of `count` channels). */
const between = (
  inner: Nodes,
  last: string,
  count: number,
  constants: Readonly<Record<string, Tensor>> = {},
  groups: CutNetwork['groups'] = [],
  first: readonly [number, number] = [4, 4],
) =>
  network(
    image,
    [first, ...groups, [2, 0]],
    { w0: weights([4, 3, 3, 3]), b0: weights([4]), w9: weights([2, count, 1, 1]), ...constants },
    [node('Conv', ['x', 'w0', 'b0'], ['h'], { attributes: pads }), ...inner, node('Conv', [last, 'w9'], ['y'])],
  );

/** One network for each way in which channels belong together. The weights of what is cut away are zeroed for comparison. */
export const CUT_NETWORKS: Readonly<Record<string, CutNetwork>> = {
  'a convolution behind another': between([node('Relu', ['h'], ['r'])], 'r', 4),
  BatchNormalization: between([node('BatchNormalization', ['h', 's', 'b', 'm', 'v'], ['n'])], 'n', 4, {
    s: weights([4]),
    b: weights([4]),
    m: weights([4]),
    v: weights([4], 0.5, 2),
  }),
  'a factor, a shift and a slope for each channel': between(
    [node('Mul', ['f', 'h'], ['a']), node('Add', ['a', 's'], ['c']), node('PRelu', ['c', 'p'], ['d'])],
    'd',
    4,
    { f: weights([4, 1, 1]), s: weights([1, 4, 1, 1]), p: weights([4, 1, 1]) },
  ),
  'a residual sum': between(
    [
      node('Conv', ['h', 'w1'], ['i'], { attributes: pads }),
      node('Relu', ['i'], ['r']),
      node('Conv', ['r', 'w2'], ['k']),
      node('Add', ['h', 'k'], ['sum']),
    ],
    'sum',
    4,
    { w1: weights([6, 4, 3, 3]), w2: weights([4, 6, 1, 1]) },
    [[6, 6]],
  ),
  'a depthwise convolution': between(
    [node('Conv', ['h', 'w1', 'b1'], ['d'], { attributes: { ...pads, group: 4 } })],
    'd',
    4,
    { w1: weights([4, 1, 3, 3]), b1: weights([4]) },
  ),
  'a depthwise convolution that doubles the channels': between(
    [node('Conv', ['h', 'w1'], ['d'], { attributes: { group: 4 } })],
    'd',
    8,
    { w1: weights([8, 1, 1, 1]) },
  ),
  'squeeze and excitation': between(
    [
      node('GlobalAveragePool', ['h'], ['pooled']),
      node('Conv', ['pooled', 'w1', 'b1'], ['squeezed']),
      node('Relu', ['squeezed'], ['r']),
      node('Conv', ['r', 'w2'], ['excited']),
      node('HardSigmoid', ['excited'], ['gate']),
      node('Mul', ['h', 'gate'], ['g']),
    ],
    'g',
    4,
    { w1: weights([2, 4, 1, 1]), b1: weights([2]), w2: weights([4, 2, 1, 1]) },
    [[2, 2]],
  ),
  'Concat of two branches': between(
    [
      node('Conv', ['x', 'w1'], ['i'], { attributes: pads }),
      node('Concat', ['i', 'h'], ['c'], { attributes: { axis: 1 } }),
    ],
    'c',
    10,
    { w1: weights([6, 3, 3, 3]) },
    [[6, 6]],
  ),
  'Split into halves that are multiplied': between(
    [node('Split', ['h', 'sizes'], ['a', 'b'], { attributes: { axis: 1 } }), node('Mul', ['a', 'b'], ['c'])],
    'c',
    2,
    { sizes: int64s([2, 2]) },
    [],
    [2, 2],
  ),
  'Slice of some channels': between([node('Slice', ['h', 'from', 'to', 'axes'], ['c'])], 'c', 3, {
    from: int64s([1]),
    to: int64s([1000]),
    axes: int64s([1]),
  }),
  'pooling, padding and enlarging': between(
    [
      node('MaxPool', ['h'], ['p'], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
      node('Resize', ['p', '', 'scales'], ['r']),
      node('Pad', ['r', 'pads'], ['q']),
    ],
    'q',
    4,
    {
      scales: { ...weights([4]), bytes: new Uint8Array(Float32Array.from([1, 1, 2, 2]).buffer) },
      pads: int64s([0, 0, 1, 1, 0, 0, 1, 1]),
    },
  ),
  ConvTranspose: between(
    [node('ConvTranspose', ['h', 'w1', 'b1'], ['u'], { attributes: { strides: [2, 2] } })],
    'u',
    6,
    { w1: weights([4, 6, 2, 2]), b1: weights([6]) },
    [[6, 6]],
  ),
  'one weight in two layers': between(
    [node('Conv', ['h', 'w1'], ['i']), node('Relu', ['i'], ['r']), node('Conv', ['r', 'w1'], ['k'])],
    'k',
    4,
    { w1: weights([4, 4, 1, 1]) },
  ),
  'Flatten before a dense layer': network(
    image,
    [
      [4, 4],
      [3, 0],
    ],
    { w0: weights([4, 3, 3, 3]), w1: weights([3, 64]), b1: weights([3]) },
    [
      node('Conv', ['x', 'w0'], ['h']),
      node('Flatten', ['h'], ['f']),
      node('Gemm', ['f', 'w1', 'b1'], ['y'], { attributes: { transB: 1, alpha: float(1) } }),
    ],
  ),
  'a computed Reshape before a product': network(
    image,
    [
      [4, 4],
      [3, 0],
    ],
    {
      w0: weights([4, 3, 3, 3]),
      w1: weights([4, 3]),
      b1: weights([3]),
      zero: int64s([0]),
      one: int64s([1]),
      rest: int64s([4]),
    },
    [
      node('Conv', ['x', 'w0'], ['h']),
      node('GlobalAveragePool', ['h'], ['p']),
      node('Shape', ['p'], ['sizes']),
      node('Slice', ['sizes', 'zero', 'one'], ['batch']),
      node('Concat', ['batch', 'rest'], ['shape'], { attributes: { axis: 0 } }),
      node('Reshape', ['p', 'shape'], ['f']),
      node('MatMul', ['f', 'w1'], ['product']),
      node('Add', ['b1', 'product'], ['y']),
    ],
  ),
  'a Reshape by sizes of its own input': between(
    [
      node('Shape', ['h'], ['sizes']),
      node('Slice', ['sizes', 'zero', 'two'], ['outer']),
      node('Concat', ['outer', 'rest'], ['shape'], { attributes: { axis: 0 } }),
      node('Reshape', ['h', 'shape'], ['rows']),
      node('Reshape', ['rows', 'picture'], ['r']),
    ],
    'r',
    4,
    { zero: int64s([0]), two: int64s([2]), rest: int64s([-1]), picture: int64s([-1, 4, 6, 6]) },
  ),
  'channels that move to the end': network(
    image,
    [
      [4, 4],
      [5, 5],
      [3, 0],
    ],
    { w0: weights([4, 3, 3, 3]), w1: weights([4, 5]), w2: weights([5, 3]), axes: int64s([1, 2]) },
    [
      node('Conv', ['x', 'w0'], ['h']),
      node('Transpose', ['h'], ['t'], { attributes: { perm: [0, 2, 3, 1] } }),
      node('MatMul', ['t', 'w1'], ['p']),
      node('ReduceMean', ['p', 'axes'], ['mean'], { attributes: { keepdims: 0 } }),
      node('MatMul', ['mean', 'w2'], ['y']),
    ],
  ),
  'attention heads of one projection': network(
    { x: [2, 5, 6] },
    [
      [4, 4],
      [6, 0],
    ],
    {
      wqkv: weights([6, 24]),
      bqkv: weights([24]),
      wo: weights([8, 6]),
      split: int64s([0, 0, 3, 4, 2]),
      merge: int64s([0, 0, 8]),
      ones: int64s([1, 1, 1]),
      first: int64s([0]),
      scale: scalar(0.7),
    },
    [
      node('MatMul', ['x', 'wqkv'], ['p']),
      node('Add', ['p', 'bqkv'], ['qkv']),
      node('Reshape', ['qkv', 'split'], ['r']),
      node('Transpose', ['r'], ['t'], { attributes: { perm: [2, 0, 3, 1, 4] } }),
      node('Split', ['t', 'ones'], ['q1', 'k1', 'v1'], { attributes: { axis: 0 } }),
      ...['q', 'k', 'v'].map((name) => node('Squeeze', [`${name}1`, 'first'], [name])),
      node('Transpose', ['k'], ['kt'], { attributes: { perm: [0, 1, 3, 2] } }),
      node('MatMul', ['q', 'kt'], ['scores']),
      node('Mul', ['scores', 'scale'], ['scaled']),
      node('Softmax', ['scaled'], ['shares'], { attributes: { axis: -1 } }),
      node('MatMul', ['shares', 'v'], ['heads']),
      node('Transpose', ['heads'], ['back'], { attributes: { perm: [0, 2, 1, 3] } }),
      node('Reshape', ['back', 'merge'], ['joined']),
      node('MatMul', ['joined', 'wo'], ['y']),
    ],
  ),
  'an embedding': network(
    { x: [2, 5, 1] },
    [
      [6, 6],
      [3, 0],
    ],
    { table: weights([7, 6]), ids: int64s([6, 0, 3], [3]), w: weights([6, 3]), axis: int64s([1]), wx: weights([1, 6]) },
    [
      node('MatMul', ['x', 'wx'], ['p']),
      node('ReduceMean', ['p', 'axis'], ['h'], { attributes: { keepdims: 1 } }),
      node('Gather', ['table', 'ids'], ['e']),
      node('Add', ['h', 'e'], ['s']),
      node('MatMul', ['s', 'w'], ['y']),
    ],
  ),
};

/** Networks in which channels must stay, and what the reason says. */
export const WHOLE_NETWORKS: Readonly<Record<string, { readonly network: CutNetwork; readonly reason: RegExp }>> = {
  'a grouped convolution': {
    network: between([node('Conv', ['h', 'w1'], ['g'], { name: 'grouped', attributes: { group: 2 } })], 'g', 4, {
      w1: weights([4, 2, 1, 1]),
    }),
    reason: /Conv grouped, through which channels are not followed/,
  },
  'an operator that is not followed': {
    network: between([node('DepthToSpace', ['h'], ['d'], { attributes: { blocksize: 2 } })], 'd', 1),
    reason: /DepthToSpace/,
  },
  'shares over channels': {
    network: between([node('Softmax', ['h'], ['s'], { attributes: { axis: 1 } })], 's', 4),
    reason: /Softmax needs all of it/,
  },
  'a mean over channels': {
    network: between(
      [node('ReduceMean', ['h', 'one'], ['m'], { attributes: { keepdims: 1 } }), node('Sub', ['h', 'm'], ['c'])],
      'c',
      4,
      { one: int64s([1]) },
    ),
    reason: /ReduceMean needs all of it/,
  },
  'a number of channels that is computed with': {
    network: between(
      [
        node('Shape', ['h'], ['sizes']),
        node('Gather', ['sizes', 'one'], ['count']),
        node('Cast', ['count'], ['number'], { attributes: { to: 1 } }),
        node('Div', ['h', 'number'], ['c']),
      ],
      'c',
      4,
      { one: int64s([1], []) },
    ),
    reason: /Shape needs all of it/,
  },
};
