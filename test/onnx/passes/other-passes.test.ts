import { float, type Node, node } from '../../../src/onnx/ir/graph.js';
import { floats, int64s, scalar } from '../../../src/onnx/ir/tensor.js';
import { transposed } from '../../../src/onnx/ir/transpose.js';
import { affineInBlockedLayout } from '../../../src/onnx/passes/affine-in-blocked-layout.js';
import { constantNodes } from '../../../src/onnx/passes/constant-nodes.js';
import { deadCode } from '../../../src/onnx/passes/dead-code.js';
import { freezeConstants } from '../../../src/onnx/passes/freeze-constants.js';
import { gatedResidual } from '../../../src/onnx/passes/gated-residual.js';
import { identities } from '../../../src/onnx/passes/identities.js';
import { mergeConstants } from '../../../src/onnx/passes/merge-constants.js';
import { residualSum } from '../../../src/onnx/passes/residual-sum.js';
import { tieTransposed } from '../../../src/onnx/passes/tied-constants.js';
import { type Case, consumer, conv, type Draw, second, testRewrites, X } from './rewrite-case.js';

const relu = node('Relu', ['a'], ['r']);
const gate = [node('GlobalAveragePool', ['x'], ['p']), conv('p', 'q', {}, 'e', 'f'), node('Sigmoid', ['q'], ['g1'])];
const gateWeights = (draw: Draw) => ({ e: draw([4, 4, 1, 1]), f: draw([4]) });
const OTHERS: readonly Case[] = [
  ...(
    [
      ['x + x·g', 1, [...gate, node('Mul', ['x', 'g1'], ['r']), node('Add', ['x', 'r'], ['y'])]],
      ['g·x + x', 1, [...gate, node('Mul', ['g1', 'x'], ['r']), node('Add', ['r', 'x'], ['y'])]],
      [
        'not z + x·g',
        0,
        [...gate, node('Neg', ['x'], ['z']), node('Mul', ['x', 'g1'], ['r']), node('Add', ['z', 'r'], ['y'])],
      ],
      [
        'not a gate of full size',
        0,
        [node('Sigmoid', ['x'], ['g1']), node('Mul', ['x', 'g1'], ['r']), node('Add', ['x', 'r'], ['y'])],
      ],
    ] as [string, number, Node[]][]
  ).map(([name, changes, nodes]) => ({
    name,
    pass: gatedResidual,
    changes,
    build: (draw: Draw) => ({ constants: gateWeights(draw), nodes }),
  })),
  {
    name: 'Identity, Dropout, Cast and Transpose that do nothing',
    pass: identities,
    changes: 4,
    build: () => ({
      constants: {},
      nodes: [
        node('Identity', ['x'], ['a']),
        node('Dropout', ['a'], ['b']),
        node('Relu', ['b'], ['c']),
        node('Cast', ['x'], ['e'], { attributes: { to: 1 } }),
        node('Add', ['c', 'e'], ['d']),
        node('Transpose', ['d'], ['y'], { attributes: { perm: [0, 1, 2, 3] } }),
      ],
    }),
  },
  {
    name: 'not an Identity between input and output, nor Casts and Transposes that do something',
    pass: identities,
    changes: 0,
    build: () => ({
      constants: {},
      nodes: [
        node('Identity', ['x'], ['y']),
        node('Transpose', ['x'], ['a'], { attributes: { perm: [0, 1, 3, 2] } }),
        node('Cast', ['a'], ['z'], { attributes: { to: 11 } }),
      ],
      outputs: ['y', 'z'],
    }),
  },
  {
    name: 'equal constants',
    pass: mergeConstants,
    changes: 1,
    build: () => ({
      constants: { a: floats([1, 2, 3, 4, 5]), b: floats([1, 2, 3, 4, 5]), c: floats([1, 2, 3, 4, 6]) },
      nodes: [node('Add', ['x', 'a'], ['p']), node('Mul', ['p', 'b'], ['q']), node('Sub', ['q', 'c'], ['y'])],
    }),
  },
  {
    name: 'not constants of other shape',
    pass: mergeConstants,
    changes: 0,
    build: () => ({
      constants: { a: floats([2], []), b: floats([2]) },
      nodes: [node('Add', ['x', 'a'], ['p']), node('Mul', ['p', 'b'], ['y'])],
    }),
  },
  {
    name: 'a matrix that is stored transposed as well',
    pass: tieTransposed,
    changes: 1,
    build: (draw) => {
      const a = draw([5, 512]);
      return {
        constants: { a, b: transposed(a) },
        nodes: [node('MatMul', ['x', 'a'], ['p']), node('MatMul', ['p', 'b'], ['y'])],
      };
    },
  },
  {
    name: 'not a matrix of equal numbers in another order, nor a symmetric one',
    pass: tieTransposed,
    changes: 0,
    build: (draw) => {
      const a = draw([5, 512]);
      const square = floats(
        Float32Array.from({ length: 4096 }, (_, i) => (i >> 6) + (i & 63)),
        [64, 64],
      );
      return {
        constants: { a, b: { ...a, dims: [512, 5] }, c: square },
        nodes: [
          node('MatMul', ['x', 'a'], ['p']),
          node('MatMul', ['p', 'b'], ['q']),
          node('MatMul', ['c', 'c'], ['r']),
          node('ReduceMax', ['r'], ['s'], { attributes: { keepdims: 0 } }),
          node('Add', ['q', 's'], ['y']),
        ],
      };
    },
  },
  {
    name: 'nodes and constants that nobody reads',
    pass: deadCode,
    changes: 3,
    build: () => ({
      constants: { a: scalar(1), b: scalar(2) },
      nodes: [node('Add', ['x', 'a'], ['y']), node('Mul', ['x', 'b'], ['p']), node('Relu', ['p'], ['q'])],
    }),
  },
  {
    name: 'Constant nodes of every form',
    pass: constantNodes,
    changes: 4,
    build: () => ({
      constants: {},
      nodes: [
        node('Constant', [], ['a'], { attributes: { value_float: float(2) } }),
        node('Constant', [], ['b'], { attributes: { value_floats: { kind: 'floats', value: [1, 2, 3, 4, 5] } } }),
        node('Constant', [], ['c'], { attributes: { value_ints: [0] } }),
        node('Constant', [], ['d'], { attributes: { value: { kind: 'tensor', value: int64s([1]) } } }),
        node('Mul', ['x', 'a'], ['p']),
        node('Add', ['p', 'b'], ['q']),
        node('Squeeze', ['q', 'c'], ['r']),
        node('Unsqueeze', ['r', 'd'], ['y']),
      ],
    }),
    feeds: { x: [1, 4, 6, 5] },
  },
  {
    name: 'a constant that is also an input',
    pass: freezeConstants,
    changes: 1,
    build: (draw) => ({
      constants: { a: draw([4, 1, 1]) },
      inputs: { ...X, a: [4, 1, 1] },
      nodes: [node('Add', ['x', 'a'], ['y'])],
    }),
  },
  {
    name: 'an Add between two Convs of whole blocks',
    pass: affineInBlockedLayout(8),
    changes: 1,
    build: (draw) => ({
      constants: { ...second(draw), c: draw([]) },
      nodes: [conv('x', 'a'), relu, node('Add', ['r', 'c'], ['h']), consumer({ pads: [1, 1, 1, 1] })],
    }),
  },
  {
    name: 'an Add between Convs whose weights are stored in INT8',
    pass: affineInBlockedLayout(8),
    changes: 1,
    build: (draw) => ({
      constants: {
        ...second(draw),
        stored: { dtype: 'int8', dims: [8, 4, 3, 3], bytes: Uint8Array.from({ length: 288 }, (_, i) => i) },
        scale: draw([8, 1, 1, 1]),
        c: draw([]),
      },
      nodes: [
        node('Cast', ['stored'], ['whole'], { attributes: { to: 1 } }),
        node('Mul', ['whole', 'scale'], ['weight']),
        conv('x', 'a', {}, 'weight'),
        relu,
        node('Add', ['r', 'c'], ['h']),
        consumer({ pads: [1, 1, 1, 1] }),
      ],
    }),
  },
  {
    name: 'not an Add between Convs of half a block',
    pass: affineInBlockedLayout(16),
    changes: 0,
    build: (draw) => ({
      constants: { ...second(draw), c: draw([]) },
      nodes: [conv('x', 'a'), relu, node('Add', ['r', 'c'], ['h']), consumer({ pads: [1, 1, 1, 1] })],
    }),
  },
  {
    name: 'an Add before LayerNormalization',
    pass: residualSum,
    changes: 1,
    build: (draw) => ({
      opset: 17,
      constants: { g: draw([5]), c: draw([5]) },
      nodes: [
        node('Tanh', ['x'], ['a']),
        node('Add', ['x', 'a'], ['b']),
        node('LayerNormalization', ['b', 'g'], ['d']),
        node('Add', ['d', 'c'], ['e']),
        node('LayerNormalization', ['e', 'g'], ['y']),
      ],
    }),
  },
];

testRewrites('other passes', OTHERS);
