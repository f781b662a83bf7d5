import { float, type Node, node } from '../../../src/onnx/ir/graph.js';
import { foldIntoProducer } from '../../../src/onnx/passes/fold-into-producer.js';
import { batchNorm, type Case, conv, type Draw, layer, norm, testRewrites } from './rewrite-case.js';

const INTO_PRODUCER: readonly Case[] = [
  ...(
    [
      ['Mul per channel', (c) => [node('Mul', ['h', c], ['y'])]],
      ['Mul from the left', (c) => [node('Mul', [c, 'h'], ['y'])]],
      ['Div', (c) => [node('Div', ['h', c], ['y'])]],
      ['Add', (c) => [node('Add', [c, 'h'], ['y'])]],
      ['Sub', (c) => [node('Sub', ['h', c], ['y'])]],
      ['Sub from a constant', (c) => [node('Sub', [c, 'h'], ['y'])]],
    ] as [string, (constant: string) => Node[]][]
  ).flatMap(([name, nodes]) =>
    [[8, 1, 1], [1, 8, 1, 1], [], [1]].map((dims) => ({
      name: `${name} [${dims}] after Conv`,
      pass: foldIntoProducer,
      changes: 1,
      build: (draw: Draw) => ({
        constants: { ...layer(draw), c: draw(dims, 0.5, 2) },
        nodes: [conv('x', 'h'), ...nodes('c')],
      }),
    })),
  ),
  {
    name: 'Mul that would make all weights 0',
    pass: foldIntoProducer,
    changes: 0,
    build: (draw) => ({
      constants: { v: draw([8]), w: draw([8, 4, 3, 3], 1e-26, 1e-25), c: draw([8, 1, 1], 1e-26, 1e-25) },
      nodes: [conv('x', 'h'), node('Mul', ['h', 'c'], ['y'])],
    }),
  },
  {
    name: 'BatchNormalization after Conv without bias',
    pass: foldIntoProducer,
    changes: 1,
    build: (draw) => ({
      constants: { w: draw([8, 2, 3, 3]), ...norm(draw) },
      nodes: [node('Conv', ['x', 'w'], ['h'], { attributes: { group: 2 } }), batchNorm('h', 'y')],
    }),
  },
  {
    name: 'a chain after grouped ConvTranspose',
    pass: foldIntoProducer,
    changes: 3,
    build: (draw) => ({
      constants: { w: draw([4, 3, 3, 3]), v: draw([6]), c: draw([6, 1, 1]), ...norm(draw, 6) },
      nodes: [
        node('ConvTranspose', ['x', 'w', 'v'], ['h'], { attributes: { group: 2, strides: [2, 2] } }),
        batchNorm('h', 'i'),
        node('Mul', ['i', 'c'], ['j']),
        node('Add', ['j', 'c'], ['y']),
      ],
    }),
  },
  ...[0, 1].map((transB) => ({
    name: `BatchNormalization after Gemm, transB ${transB}`,
    pass: foldIntoProducer,
    changes: 1,
    feeds: { x: [3, 4] },
    build: (draw: Draw) => ({
      constants: { w: draw(transB ? [8, 4] : [4, 8]), v: draw([8]), ...norm(draw) },
      nodes: [node('Gemm', ['x', 'w', 'v'], ['h'], { attributes: { transB } }), batchNorm('h', 'y')],
    }),
  })),
  {
    name: 'not a constant along the width',
    pass: foldIntoProducer,
    changes: 0,
    build: (draw) => ({
      constants: { ...layer(draw), c: draw([3]) },
      nodes: [conv('x', 'h'), node('Mul', ['h', 'c'], ['y'])],
    }),
  },
  {
    name: 'not a constant that adds a dimension',
    pass: foldIntoProducer,
    changes: 0,
    build: (draw) => ({
      constants: { ...layer(draw), c: draw([1, 1, 8, 1, 1]) },
      nodes: [conv('x', 'h'), node('Add', ['h', 'c'], ['y'])],
    }),
  },
  {
    name: 'not when the value is read twice',
    pass: foldIntoProducer,
    changes: 0,
    build: (draw) => ({
      constants: { ...layer(draw), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'h'), node('Mul', ['h', 'c'], ['i']), node('Add', ['h', 'i'], ['y'])],
    }),
  },
  {
    name: 'not when the value is an output',
    pass: foldIntoProducer,
    changes: 0,
    build: (draw) => ({
      constants: { ...layer(draw), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'h'), node('Mul', ['h', 'c'], ['y'])],
      outputs: ['h', 'y'],
    }),
  },
  {
    name: 'not c / x',
    pass: foldIntoProducer,
    changes: 0,
    build: (draw) => ({
      constants: { ...layer(draw), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'h'), node('Div', ['c', 'h'], ['y'])],
    }),
  },
  {
    name: 'not after Gemm with alpha',
    pass: foldIntoProducer,
    changes: 0,
    feeds: { x: [3, 4] },
    build: (draw) => ({
      constants: { w: draw([4, 8]), v: draw([8]), ...norm(draw) },
      nodes: [node('Gemm', ['x', 'w', 'v'], ['h'], { attributes: { alpha: float(2) } }), batchNorm('h', 'y')],
    }),
  },
];

testRewrites('foldIntoProducer', INTO_PRODUCER);
