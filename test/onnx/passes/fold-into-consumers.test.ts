import { node } from '../../../src/onnx/ir/graph.js';
import { floats, scalar } from '../../../src/onnx/ir/tensor.js';
import { foldIntoConsumers } from '../../../src/onnx/passes/fold-into-consumers.js';
import { batchNorm, type Case, consumer, conv, type Draw, layer, norm, second, testRewrites } from './rewrite-case.js';

const relu = node('Relu', ['a'], ['r']);
const uniform = (value: number, dims: readonly number[]) =>
  floats(Array<number>(dims.reduce((a, b) => a * b, 1)).fill(value), dims);
const INTO_CONSUMERS: readonly Case[] = [
  ...(
    [
      ['not where weights would become 0', 1e-25, 1e-25],
      ['not where weights would become infinite', 1e25, 1e25],
    ] as const
  ).map(([name, scale, weight]) => ({
    name,
    pass: foldIntoConsumers,
    changes: 0,
    build: (draw: Draw) => ({
      constants: { ...second(draw), c: uniform(scale, [8, 1, 1]), u: uniform(weight, [3, 8, 3, 3]) },
      nodes: [conv('x', 'a'), relu, node('Mul', ['r', 'c'], ['h']), consumer()],
    }),
  })),
  {
    name: 'a dead channel beside live ones',
    pass: foldIntoConsumers,
    changes: 1,
    build: (draw) => ({
      constants: { ...second(draw), c: floats([1e-39, 1, 1, 1, 1, 1, 1, 1], [8, 1, 1]) },
      nodes: [conv('x', 'a'), relu, node('Mul', ['r', 'c'], ['h']), consumer()],
    }),
  },
  {
    name: 'Mul before a padded Conv',
    pass: foldIntoConsumers,
    changes: 1,
    build: (draw) => ({
      constants: { ...second(draw), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'a'), relu, node('Mul', ['r', 'c'], ['h']), consumer({ pads: [1, 1, 1, 1] })],
    }),
  },
  {
    name: 'Add before an unpadded grouped Conv',
    pass: foldIntoConsumers,
    changes: 1,
    build: (draw) => ({
      constants: { ...layer(draw), u: draw([6, 4, 3, 3]), t: draw([6]), c: draw([1, 8, 1, 1]) },
      nodes: [conv('x', 'a'), relu, node('Add', ['r', 'c'], ['h']), consumer({ group: 2 })],
    }),
  },
  {
    name: 'BatchNormalization before two unpadded Convs',
    pass: foldIntoConsumers,
    changes: 1,
    build: (draw) => ({
      constants: { ...second(draw), ...norm(draw) },
      nodes: [conv('x', 'a'), relu, batchNorm('r', 'h'), consumer(), conv('h', 'z', {}, 'u', 't')],
      outputs: ['y', 'z'],
    }),
  },
  {
    name: 'Mul before ConvTranspose',
    pass: foldIntoConsumers,
    changes: 1,
    build: (draw) => ({
      constants: { ...layer(draw), u: draw([8, 3, 2, 2]), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'a'), relu, node('Mul', ['r', 'c'], ['h']), node('ConvTranspose', ['h', 'u'], ['y'])],
    }),
  },
  ...[[], [8, 1, 1]].map((dims) => ({
    name: `the scale [${dims}] past an Add into a padded Conv`,
    pass: foldIntoConsumers,
    changes: 1,
    build: (draw: Draw) => ({
      constants: { ...second(draw), c: draw(dims, 0.5, 2), d: draw([]) },
      nodes: [
        conv('x', 'a'),
        relu,
        node('Mul', ['r', 'c'], ['i']),
        node('Add', ['i', 'd'], ['h']),
        consumer({ pads: [1, 1, 1, 1] }),
      ],
    }),
  })),
  {
    name: 'not a shift into a padded Conv',
    pass: foldIntoConsumers,
    changes: 0,
    build: (draw) => ({
      constants: { ...second(draw), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'a'), relu, node('Add', ['r', 'c'], ['h']), consumer({ pads: [0, 1, 0, 0] })],
    }),
  },
  {
    name: 'not a shift under auto_pad',
    pass: foldIntoConsumers,
    changes: 0,
    build: (draw) => ({
      constants: { ...second(draw), c: draw([8, 1, 1]) },
      nodes: [
        conv('x', 'a'),
        relu,
        node('Add', ['r', 'c'], ['h']),
        node('Conv', ['h', 'u', 't'], ['y'], { attributes: { auto_pad: 'SAME_UPPER' } }),
      ],
    }),
  },
  {
    name: 'not a shift into ConvTranspose',
    pass: foldIntoConsumers,
    changes: 0,
    build: (draw) => ({
      constants: { ...layer(draw), u: draw([8, 3, 2, 2]), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'a'), relu, node('Add', ['r', 'c'], ['h']), node('ConvTranspose', ['h', 'u'], ['y'])],
    }),
  },
  {
    name: 'not when something else reads the value',
    pass: foldIntoConsumers,
    changes: 0,
    build: (draw) => ({
      constants: { ...second(draw), c: draw([8, 1, 1]) },
      nodes: [conv('x', 'a'), relu, node('Mul', ['r', 'c'], ['h']), consumer(), node('Sigmoid', ['h'], ['z'])],
      outputs: ['y', 'z'],
    }),
  },
  {
    name: 'not a constant that widens one channel to eight',
    pass: foldIntoConsumers,
    changes: 0,
    feeds: { x: [2, 1, 6, 5] },
    build: (draw) => ({
      constants: { ...second(draw), c: draw([8, 1, 1]) },
      nodes: [node('Mul', ['x', 'c'], ['h']), consumer()],
    }),
  },
  {
    name: 'not past an Add through a scale of zero',
    pass: foldIntoConsumers,
    changes: 0,
    build: (draw) => ({
      constants: { ...second(draw), c: scalar(0), d: draw([]) },
      nodes: [
        conv('x', 'a'),
        relu,
        node('Mul', ['r', 'c'], ['i']),
        node('Add', ['i', 'd'], ['h']),
        consumer({ pads: [1, 1, 1, 1] }),
      ],
    }),
  },
];

testRewrites('foldIntoConsumers', INTO_CONSUMERS);
