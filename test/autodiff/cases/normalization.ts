import { float, node } from '../../../src/onnx/ir/graph.js';
import { floats } from '../../../src/onnx/ir/tensor.js';
import type { GradientCase } from '../check-gradient.js';
import { type Attributes, nodeCase } from './node-case.js';

const scale = { dims: [3], low: 0.5, high: 1.5 };
const perChannel = { scale, bias: { dims: [3] } };
/** So much that it shows. */
const epsilon = float(0.1);

/** Attributes, how many outputs are named, and the running statistics. */
const batches: readonly [string, Attributes, readonly string[], 'running' | 'fresh'][] = [
  ['frozen', { epsilon, training_mode: 0 }, ['y'], 'running'],
  ['training', { training_mode: 1, epsilon }, ['y', 'rm', 'rv'], 'fresh'],
  ['training, statistics of the batch', { training_mode: 1, momentum: float(0), epsilon }, ['y', 'bm', 'bv'], 'fresh'],
];
const statistics = {
  running: { m: floats([0.1, -0.2, 0.3]), v: floats([0.5, 1, 2]) },
  fresh: { m: floats([0, 0, 0]), v: floats([1, 1, 1]) },
};

export const normalizationCases: readonly GradientCase[] = [
  ...['Softmax', 'LogSoftmax'].flatMap((opType) =>
    [{}, { axis: -1 }, { axis: 1 }, { axis: 0 }].map((attributes) =>
      nodeCase(opType, attributes, { variables: { x: { dims: [2, 3, 4] } } }),
    ),
  ),
  nodeCase('LpNormalization', { axis: 1, p: 2 }, { variables: { x: { dims: [2, 3, 4] } } }),
  nodeCase('LpNormalization', {}, { variables: { x: { dims: [2, 3, 4] } } }),
  nodeCase('LayerNormalization', { axis: -1 }, { variables: { x: { dims: [2, 4, 3] }, ...perChannel } }),
  nodeCase(
    'LayerNormalization',
    { epsilon },
    { variables: { x: { dims: [2, 4, 3] }, scale } },
    { about: 'without bias' },
  ),
  nodeCase(
    'LayerNormalization',
    { axis: 1 },
    { variables: { x: { dims: [2, 4, 3] }, scale: { dims: [4, 3] }, bias: { dims: [4, 3] } } },
  ),
  nodeCase('InstanceNormalization', {}, { variables: { x: { dims: [2, 3, 4, 4] }, ...perChannel } }),
  nodeCase('InstanceNormalization', { epsilon }, { variables: { x: { dims: [2, 3, 5] }, ...perChannel } }),
  ...batches.map(([about, attributes, outputs, of]) => ({
    name: `BatchNormalization ${about}`,
    nodes: [node('BatchNormalization', ['x', 'scale', 'bias', 'm', 'v'], outputs, { attributes })],
    variables: { x: { dims: [4, 3, 3], low: 4, high: 6 }, ...perChannel },
    constants: statistics[of],
  })),
];
