import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { channelGroups } from '../../../src/channels/channel-groups.js';
import { channelUnits } from '../../../src/channels/channel-units.js';
import { type Node, node } from '../../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { tuneForCpu } from '../../../src/onnx/passes/tune-for-cpu.js';
import { smallModel } from '../small-model.js';

const NODES = 12_000;
/** Milliseconds: where a pass is quadratic the dearest of these takes five minutes and more, else seconds, also on a busy machine. */
const LIMIT = { timeout: 240_000 };
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

interface Hostile {
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  readonly constants?: Readonly<Record<string, Tensor>>;
}
const last = (count: number) => [`v${count}`];
const first = node('Relu', ['x'], ['v0']);

/** Graphs of very many nodes: deep, wide, and full of what passes look for, all reading one constant. */
const GRAPHS: Readonly<Record<string, () => Hostile>> = {
  'a deep chain': () => ({
    nodes: [first, ...numbers(NODES).map((i) => node('Sigmoid', [`v${i}`], [`v${i + 1}`]))],
    outputs: last(NODES),
  }),
  'as many outputs as nodes': () => ({
    nodes: [first, ...numbers(NODES).map((i) => node('Sigmoid', ['v0'], [`o${i}`]))],
    outputs: numbers(NODES).map((i) => `o${i}`),
  }),
  'constants computed one from another': () => ({
    nodes: [
      ...numbers(NODES).map((i) => node('Add', [i === 0 ? 'c' : `k${i}`, 'c'], [`k${i + 1}`])),
      node('Add', ['x', `k${NODES}`], ['y']),
    ],
    outputs: ['y'],
    constants: { c: floats([1]) },
  }),
  'HardSwish spelled out': () => ({
    nodes: [
      first,
      ...numbers(NODES / 4).flatMap((i) => [
        node('Add', [`v${i}`, 'three'], [`a${i}`]),
        node('Clip', [`a${i}`, 'zero', 'six'], [`b${i}`]),
        node('Mul', [`v${i}`, `b${i}`], [`m${i}`]),
        node('Div', [`m${i}`, 'six'], [`v${i + 1}`]),
      ]),
    ],
    outputs: last(NODES / 4),
    constants: { three: floats([3], []), zero: floats([0], []), six: floats([6], []) },
  }),
};

describe('graphs of very many nodes take no more than time in proportion', () => {
  for (const [name, build] of Object.entries(GRAPHS)) {
    test(name, LIMIT, async () => {
      const model = smallModel({ inputs: { x: [1, 8] }, constants: {}, ...build() });
      const { model: cleaned } = await cleanUp(model, {});
      assert.ok(tuneForCpu(cleaned, 8).model.graph.nodes.length > NODES / 4);
    });
  }

  test('layers one behind the other, each with channels of its own', LIMIT, () => {
    const count = NODES / 4;
    const { graph } = smallModel({
      inputs: { x: [1, 2] },
      outputs: last(count),
      constants: { w: floats([1, 2, 3, 4], [2, 2]) },
      nodes: [first, ...numbers(count).map((i) => node('MatMul', [`v${i}`, 'w'], [`v${i + 1}`]))],
    });
    const shapes = new Map(['x', ...numbers(count + 1).map((i) => `v${i}`)].map((name) => [name, [1, 2]]));
    const groups = channelGroups(graph, channelUnits(graph, shapes.set('w', [2, 2])));
    assert.equal(
      groups.reduce((sum, { layers }) => sum + layers.length, 0),
      count,
    );
  });
});
