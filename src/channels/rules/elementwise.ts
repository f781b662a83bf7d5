import { broadcast, type CouplingRule, type CouplingTable, together } from '../coupling.js';

/** Every operand is broadcast to the first output. */
const broadcasting: CouplingRule = ({ inputs, outputs: [y = ''] }, facts) =>
  together(...inputs.filter((input) => input !== '').map((input) => broadcast(facts, input, y)));

const BROADCASTING = [
  'Add',
  'And',
  'Div',
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Max',
  'Mean',
  'Min',
  'Mod',
  'Mul',
  'Or',
  'PRelu',
  'Pow',
  'Sub',
  'Sum',
  'Where',
  'Xor',
];

/** One number in, one number out; further operands are scalars. */
const ON_EACH_NUMBER = [
  'Abs',
  'Cast',
  'Ceil',
  'Celu',
  'Clip',
  'Cos',
  'Dropout',
  'Elu',
  'Erf',
  'Exp',
  'Floor',
  'Gelu',
  'HardSigmoid',
  'HardSwish',
  'Identity',
  'LeakyRelu',
  'Log',
  'Mish',
  'Neg',
  'Not',
  'Reciprocal',
  'Relu',
  'Round',
  'Selu',
  'Sigmoid',
  'Sign',
  'Sin',
  'Softplus',
  'Softsign',
  'Sqrt',
  'Tanh',
  'ThresholdedRelu',
];

export const elementwiseRules: CouplingTable = Object.fromEntries(
  [...BROADCASTING, ...ON_EACH_NUMBER].map((operator) => [operator, broadcasting]),
);
