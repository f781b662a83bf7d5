import { node } from '../../../src/onnx/ir/graph.js';
import { scalar } from '../../../src/onnx/ir/tensor.js';
import { nestedBounds } from '../../../src/onnx/passes/nested-bounds.js';
import { type Case, testRewrites } from './rewrite-case.js';

const BOUNDS = { zero: scalar(0), one: scalar(1), three: scalar(3), minus: scalar(-2) };
const relu = (from: string, to: string) => node('Relu', [from], [to]);
const clip = (from: string, to: string, low: string, high: string) => node('Clip', [from, low, high], [to]);

const CASES: readonly Case[] = (
  [
    ['three times Relu', 2, [relu('x', 'a'), relu('a', 'b'), relu('b', 'y')]],
    ['Clip after Relu', 1, [relu('x', 'a'), clip('a', 'y', 'minus', 'three')]],
    ['Relu after Clip', 1, [clip('x', 'a', 'minus', 'three'), relu('a', 'y')]],
    ['Clips that overlap', 1, [clip('x', 'a', 'minus', 'one'), clip('a', 'y', 'zero', 'three')]],
    ['a Clip open below', 1, [clip('x', 'a', '', 'three'), clip('a', 'y', 'one', '')]],
    ['an inner one that others read', 1, [relu('x', 'a'), relu('a', 'b'), node('Add', ['a', 'b'], ['y'])]],
    ['not intervals apart', 0, [clip('x', 'a', 'minus', 'zero'), clip('a', 'y', 'one', 'three')]],
    ['not through another operator', 0, [relu('x', 'a'), node('Neg', ['a'], ['b']), relu('b', 'y')]],
  ] as const
).map(([name, changes, nodes]) => ({ name, changes, pass: nestedBounds, build: () => ({ nodes, constants: BOUNDS }) }));

testRewrites('nested bounds', CASES);
