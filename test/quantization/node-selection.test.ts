import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node } from '../../src/onnx/ir/graph.js';
import { ServiceError } from '../../src/platform/errors.js';
import { selectNodes } from '../../src/quantization/node-selection.js';

const NODES = [
  node('Conv', ['x', 'w'], ['a'], { name: 'stem.conv' }),
  node('Conv', ['a', 'v'], ['b'], { name: 'head.conv' }),
  node('MatMul', ['b', 'm'], ['c'], { name: 'head.matmul' }),
];
const names = (patterns: Parameters<typeof selectNodes>[1]) =>
  NODES.filter(selectNodes(NODES, patterns)).map((found) => found.name);

test('names, globs and operator types choose nodes, and exclude wins', () => {
  const rows: [Parameters<typeof selectNodes>[1], string[]][] = [
    [{ exclude: [] }, ['stem.conv', 'head.conv', 'head.matmul']],
    [{ exclude: ['head.*'] }, ['stem.conv']],
    [{ include: ['Conv'], exclude: [] }, ['stem.conv', 'head.conv']],
    [{ include: ['head*'], exclude: ['*matmul'] }, ['head.conv']],
    [{ include: ['s*m.c*v'], exclude: [] }, ['stem.conv']],
    [{ include: ['*'], exclude: ['MatMul', 'stem.conv'] }, ['head.conv']],
    [{ include: [], exclude: [] }, []],
  ];
  for (const [patterns, expected] of rows) assert.deepEqual(names(patterns), expected, JSON.stringify(patterns));
});

test('a pattern that fits nothing is refused, with the nearest name and its place in the spec', () => {
  const rows: [Parameters<typeof selectNodes>[1], string, string | undefined][] = [
    [{ exclude: ['head.matmull'] }, '/exclude/0', 'Did you mean "head.matmul"?'],
    [{ include: ['Conv', 'con'], exclude: [] }, '/include/1', 'Did you mean "Conv"?'],
    [{ exclude: ['nothing.like.it*'] }, '/exclude/0', undefined],
    // No part of a glob is an expression.
    [{ exclude: ['.*'] }, '/exclude/0', undefined],
  ];
  for (const [patterns, pointer, hint] of rows) {
    assert.throws(
      () => selectNodes(NODES, patterns),
      (error: unknown) =>
        error instanceof ServiceError &&
        error.code === 'unknown_node' &&
        error.context.errors?.[0]?.pointer === pointer &&
        error.context.hint === hint,
      JSON.stringify(patterns),
    );
  }
});

test('a glob of very many stars takes no time', () => {
  const long = [node('Conv', [], ['y'], { name: 'a'.repeat(4000) })];
  assert.throws(() => selectNodes(long, { exclude: [`${'*a'.repeat(2000)}b`] }), { code: 'unknown_node' });
});
