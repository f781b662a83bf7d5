import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backward } from '../../src/autodiff/backward.js';
import { preflight } from '../../src/autodiff/preflight.js';
import type { Graph } from '../../src/onnx/ir/graph.js';
import { floats, int64s } from '../../src/onnx/ir/tensor.js';
import { ServiceError } from '../../src/platform/errors.js';
import { named, REFUSED_NODES } from './cases/refused.js';

/** x · w, a rounding, a bias; beside it a branch without weights and one that leads nowhere. */
function graph(...nodes: Graph['nodes']): Graph {
  const initializers = new Map([
    ['w', floats([1, 2, 3, 4], [2, 2])],
    ['b', floats([1, 2])],
    ['pads', int64s([0, 1, 0, 1])],
  ]);
  const value = (name: string) => ({ name, type: null });
  return { name: 'g', nodes, inputs: [value('x')], outputs: [value('y')], initializers, values: new Map() };
}
const statuses = (g: Graph, trained: string[]) =>
  Object.fromEntries(preflight(g, trained, ['y']).map(({ name, status }) => [name, status]));

test('each node is trainable, frozen or refused, by name', () => {
  const g = graph(
    named('Round', ['x'], 'rounded'),
    named('MatMul', ['rounded', 'w'], 'product'),
    named('Round', ['product'], 'steps'),
    named('Add', ['steps', 'b'], 'y'),
    named('Round', ['product'], 'unused'),
  );
  assert.deepEqual(statuses(g, ['w', 'b']), {
    '/rounded': 'frozen',
    '/product': 'trainable',
    '/steps': 'refused',
    '/y': 'trainable',
    '/unused': 'frozen',
  });
  assert.deepEqual(statuses(g, ['b'])['/steps'], 'frozen', 'nothing before it is trained');
});

test('sizes of what is trained carry no gradient, and do not stop one', () => {
  const g = graph(
    named('MatMul', ['x', 'w'], 'product'),
    named('Shape', ['product'], 'sizes'),
    named('Cast', ['sizes'], 'whole', { to: 7 }),
    named('Reshape', ['product', 'whole'], 'y'),
  );
  assert.deepEqual(statuses(g, ['w']), {
    '/product': 'trainable',
    '/sizes': 'frozen',
    '/whole': 'frozen',
    '/y': 'trainable',
  });
});

for (const [name, last] of REFUSED_NODES) {
  test(`${name} is refused before anything runs, and by the walk`, () => {
    const g = graph(named('MatMul', ['x', 'w'], 'p'), last);
    assert.equal(statuses(g, ['w'])['/y'], 'refused');
    const walk = () => backward(g, { values: new Map(), seeds: new Map([['y', 'g']]), wanted: ['w'] });
    assert.throws(walk, (error) => error instanceof ServiceError && error.context.node?.name === '/y');
  });
}
