import { type Node, node } from '../../../src/onnx/ir/graph.js';
import type { Attributes } from './node-case.js';

export const named = (opType: string, inputs: string[], output: string, attributes: Attributes = {}, domain = '') =>
  node(opType, inputs, [output], { name: `/${output}`, attributes, domain });

/** y of p, over constants b (floats) and pads (integers): parts of operators that no gradient was written for. */
export const REFUSED_NODES: readonly (readonly [string, Node])[] = [
  ['a foreign operator', named('FusedConv', ['p'], 'y', {}, 'com.microsoft')],
  ['Pad by reflection', named('Pad', ['p', 'pads'], 'y', { mode: 'reflect' })],
  ['a pad that is computed', named('Pad', ['p', 'x'], 'y')],
  ['a bound that is computed', named('Clip', ['p', 'x'], 'y')],
  ['AveragePool with ceil_mode', named('AveragePool', ['p'], 'y', { kernel_shape: [2], ceil_mode: 1 })],
  ['MaxPool by columns', named('MaxPool', ['p'], 'y', { kernel_shape: [2], storage_order: 1 })],
  ['the 1-norm', named('LpNormalization', ['p'], 'y', { p: 1 })],
  ['linear resizing', named('Resize', ['p', '', 'b'], 'y', { mode: 'linear' })],
  ['resizing to sizes', named('Resize', ['p', '', '', 'pads'], 'y')],
  ['resizing along some axes', named('Resize', ['p', '', 'b'], 'y', { axes: [0, 1] })],
  ...['LSTM', 'GRU', 'RNN'].flatMap((opType): [string, Node][] => [
    [`${opType} over sequences of several lengths`, named(opType, ['p', 'x', 'x', '', 'pads'], 'y')],
    [`${opType} with samples before moments`, named(opType, ['p', 'x', 'x'], 'y', { layout: 1 })],
  ]),
  ['Dropout that may drop', named('Dropout', ['p', '', 'x'], 'y')],
];
