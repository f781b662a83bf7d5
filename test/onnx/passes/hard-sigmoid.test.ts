import { type Node, node } from '../../../src/onnx/ir/graph.js';
import { floats, scalar } from '../../../src/onnx/ir/tensor.js';
import { boundedForms } from '../../../src/onnx/passes/bounded-forms.js';
import { spelledHardSigmoid } from '../../../src/onnx/passes/hard-sigmoid.js';
import { type Case, testRewrites } from './rewrite-case.js';

const CLIP = {
  three: scalar(3),
  zero: scalar(0),
  six: scalar(6),
  sixth: scalar(1 / 6),
  minus: scalar(-3),
  threes: floats([3]),
  sixes: floats([6]),
};
const clipped = (sum: Node) => [sum, node('Clip', ['p', 'zero', 'six'], ['q'], { name: 'clip' })];
const plus = node('Add', ['x', 'three'], ['p']);
const HARD_SIGMOID: readonly Case[] = (
  [
    ['HardSigmoid: Div after Clip', 1, [...clipped(plus), node('Div', ['q', 'six'], ['y'])]],
    [
      'HardSigmoid: Mul by 1/6, Add from the left',
      1,
      [...clipped(node('Add', ['three', 'x'], ['p'])), node('Mul', ['sixth', 'q'], ['y'])],
    ],
    ['HardSigmoid: Sub of −3', 1, [...clipped(node('Sub', ['x', 'minus'], ['p'])), node('Div', ['q', 'six'], ['y'])]],
    ['HardSwish: Div last', 1, [...clipped(plus), node('Mul', ['x', 'q'], ['r']), node('Div', ['r', 'six'], ['y'])]],
    [
      'HardSwish: Mul by 1/6 last',
      1,
      [...clipped(plus), node('Mul', ['q', 'x'], ['r']), node('Mul', ['r', 'sixth'], ['y'])],
    ],
    [
      'HardSwish: Div before Mul',
      1,
      [...clipped(plus), node('Div', ['q', 'six'], ['r']), node('Mul', ['x', 'r'], ['y'])],
    ],
    [
      'HardSwish: Div of the other factor',
      1,
      [...clipped(plus), node('Div', ['x', 'six'], ['r']), node('Mul', ['r', 'q'], ['y'])],
    ],
    ['not with another divisor', 0, [...clipped(plus), node('Div', ['q', 'three'], ['y'])]],
    ['not 6 / clip', 0, [...clipped(plus), node('Div', ['six', 'q'], ['y'])]],
    ['not without a shift', 0, [node('Clip', ['x', 'zero', 'six'], ['q']), node('Div', ['q', 'six'], ['y'])]],
    [
      'not with another lower bound',
      0,
      [plus, node('Clip', ['p', 'minus', 'six'], ['q']), node('Div', ['q', 'six'], ['y'])],
    ],
    [
      'not when the clipped value is read twice',
      0,
      [...clipped(plus), node('Div', ['q', 'six'], ['r']), node('Add', ['r', 'q'], ['y'])],
    ],
    [
      'HardSigmoid: constants [1] beside a value with axes',
      1,
      [
        node('Add', ['x', 'threes'], ['p']),
        node('Clip', ['p', 'zero', 'six'], ['q']),
        node('Div', ['q', 'sixes'], ['y']),
      ],
    ],
    [
      'not constants [1] that give a lone number an axis',
      0,
      [
        node('ReduceMean', ['x'], ['m'], { attributes: { keepdims: 0 } }),
        node('Add', ['m', 'threes'], ['p']),
        node('Clip', ['p', 'zero', 'six'], ['q']),
        node('Div', ['q', 'sixes'], ['y']),
      ],
    ],
    ['not its square', 0, [...clipped(plus), node('Mul', ['q', 'q'], ['r']), node('Div', ['r', 'six'], ['y'])]],
  ] as [string, number, Node[]][]
).map(([name, changes, nodes]) => ({
  name,
  pass: spelledHardSigmoid,
  changes,
  build: () => ({ constants: CLIP, nodes }),
}));

const BOUNDS = { ...CLIP, one: floats([0]), inf: scalar(Number.POSITIVE_INFINITY) };
const BOUNDED_FORMS: readonly Case[] = (
  [
    ['Relu: Max of 0', 1, [node('Max', ['x', 'zero'], ['y'])]],
    ['Relu: Max of 0 from the left', 1, [node('Max', ['zero', 'x'], ['y'])]],
    ['Relu: Clip without an upper bound', 1, [node('Clip', ['x', 'zero'], ['y'])]],
    ['Relu: Clip up to infinity', 1, [node('Clip', ['x', 'zero', 'inf'], ['y'])]],
    ['Clip: Min of Max', 1, [node('Max', ['x', 'minus'], ['p']), node('Min', ['p', 'three'], ['y'])]],
    ['Clip: Min of Max of 0', 2, [node('Max', ['zero', 'x'], ['p']), node('Min', ['six', 'p'], ['y'])]],
    ['Clip: Min of Relu', 1, [node('Relu', ['x'], ['p']), node('Min', ['p', 'six'], ['y'])]],
    ['not Max of a vector', 0, [node('Max', ['x', 'one'], ['y'])]],
    ['not Max of three', 0, [node('Max', ['x', 'zero', 'minus'], ['y'])]],
    ['not Clip from −3', 0, [node('Clip', ['x', 'minus'], ['y'])]],
    ['not Clip from 0 to 6', 0, [node('Clip', ['x', 'zero', 'six'], ['y'])]],
    ['not bounds in the wrong order', 0, [node('Max', ['x', 'six'], ['p']), node('Min', ['p', 'three'], ['y'])]],
    [
      'not when the inner value is read twice',
      0,
      [node('Max', ['x', 'minus'], ['p']), node('Min', ['p', 'three'], ['q']), node('Add', ['p', 'q'], ['y'])],
    ],
  ] as [string, number, Node[]][]
).map(([name, changes, nodes]) => ({ name, pass: boundedForms, changes, build: () => ({ constants: BOUNDS, nodes }) }));

testRewrites('spelledHardSigmoid', HARD_SIGMOID);
testRewrites('boundedForms', BOUNDED_FORMS);
