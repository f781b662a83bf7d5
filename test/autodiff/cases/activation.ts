import { float } from '../../../src/onnx/ir/graph.js';
import { floats, scalar, tensor } from '../../../src/onnx/ir/tensor.js';
import type { GradientCase, Variable } from '../check-gradient.js';
import { type Attributes, nodeCase } from './node-case.js';

const positive = { low: 0.5, high: 2 };
const negative = { low: -1, high: -0.1 };

/** y = f(x): name, attributes, range. Ranges keep clear of kinks, where a derivative does not exist. */
const unary: readonly [string, Attributes?, Partial<Variable>?][] = [
  ['Relu', {}, { low: 0.1, high: 1 }],
  ['Relu', {}, negative],
  ['LeakyRelu', { alpha: float(0.3) }, negative],
  ['LeakyRelu', {}, positive],
  ['Sigmoid'],
  ['Tanh'],
  ['Exp'],
  ['Log', {}, positive],
  ['Sqrt', {}, positive],
  ['Reciprocal', {}, positive],
  ['Neg'],
  ['Abs', {}, negative],
  ['Sin'],
  ['Cos'],
  ['Erf'],
  ['Softplus'],
  ['Softsign', {}, { low: 0.1, high: 1 }],
  ['Elu', { alpha: float(0.7) }, { low: -2, high: -0.1 }],
  ['Elu', {}, positive],
  ['Selu', {}, { low: -2, high: -0.1 }],
  ['Selu', { alpha: float(1.2), gamma: float(0.8) }, { low: -2, high: -0.1 }],
  ['Selu', { gamma: float(0.8) }, positive],
  ['Celu', { alpha: float(1.5) }, { low: -2, high: -0.1 }],
  ['ThresholdedRelu', { alpha: float(0.5) }, { low: 0.6, high: 2 }],
  ['ThresholdedRelu', {}, { low: 0.1, high: 0.9 }],
  ['HardSigmoid', { alpha: float(0.3) }, { low: -1, high: 1 }],
  ['HardSigmoid', { beta: float(0.2) }, { low: -0.9, high: 3.9 }],
  ['HardSigmoid', {}, { low: 3, high: 5 }],
  ['HardSwish', {}, { low: -2.8, high: 2.8 }],
  ['HardSwish', {}, { low: 3.1, high: 4 }],
  ['HardSwish', {}, { low: -5, high: -3.1 }],
  ['Mish'],
  ['Identity'],
  ['Dropout'],
];
const variables = { x: { dims: [2, 3, 4] } };

export const activationCases: readonly GradientCase[] = [
  ...unary.map(([opType, attributes = {}, range = {}]) =>
    nodeCase(opType, attributes, { variables: { x: { dims: [2, 3, 4], ...range } } }),
  ),
  nodeCase('Gelu', {}, { variables, opset: 20 }),
  nodeCase('Gelu', { approximate: 'tanh' }, { variables, opset: 20 }),
  nodeCase(
    'Dropout',
    { seed: 3 },
    { variables, constants: { ratio: scalar(0.4), mode: tensor('bool', [], Uint8Array.of(0)) } },
    { about: 'in inference mode' },
  ),
  nodeCase('PRelu', {}, { variables: { x: { dims: [2, 3, 4], ...negative }, s: { dims: [3, 1] } } }),
  nodeCase('PRelu', {}, { variables: { x: { dims: [2, 3, 4], ...positive }, s: { dims: [1] } } }, { about: 'above 0' }),
  ...(
    [
      ['inside', { low: -0.4, high: 0.4 }, ['x', 'low', 'high']],
      ['above, without a lower bound', { low: 0.6, high: 1 }, ['x', '', 'high']],
      ['below, without an upper bound', { low: -1, high: -0.6 }, ['x', 'low']],
      ['without bounds', {}, ['x']],
    ] as const
  ).map(([about, range, inputs]) =>
    nodeCase(
      'Clip',
      {},
      { variables: { x: { dims: [3, 3], ...range } }, constants: { low: floats([-0.5], []), high: floats([0.5], []) } },
      { about, inputs },
    ),
  ),
];
