import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { channelGroups } from '../../../src/channels/channel-groups.js';
import { channelUnits } from '../../../src/channels/channel-units.js';
import { type Attribute, type Model, type Node, node } from '../../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { foldIntoProducer } from '../../../src/onnx/passes/fold-into-producer.js';
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

const branch = (): Attribute => {
  const { graph } = smallModel({
    inputs: {},
    outputs: ['o'],
    constants: {},
    nodes: [node('Sigmoid', ['v0'], ['s']), node('Tanh', ['s'], ['o'])],
  });
  return { kind: 'graph', value: graph };
};

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
  'a constant If in which all names are those of the others': () => ({
    nodes: [
      first,
      ...numbers(NODES / 4).map((i) => node('If', ['yes'], [`o${i}`], { attributes: { then_branch: branch() } })),
    ],
    outputs: numbers(NODES / 4).map((i) => `o${i}`),
    constants: { yes: { dtype: 'bool', dims: [], bytes: Uint8Array.of(1) } },
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

/** A chain of this many sums of a value with itself has 2⁶⁰ ways through it: to go them all takes for ever. */
const DOUBLINGS = 60;
const IMAGE = [1, 4, 4, 4];

/** v0 is doubled again and again; what comes of it is `doubled`. */
const doubled = `v${DOUBLINGS}`;
const doublings = (opType: string) => numbers(DOUBLINGS).map((i) => node(opType, [`v${i}`, `v${i}`], [`v${i + 1}`]));
const constants = {
  w: floats(numbers(16), [4, 4, 1, 1]),
  s: floats([1, 2, 3, 4], [1, 4, 1, 1]),
};

describe('folding does not multiply a model', () => {
  const weights = floats(numbers(64 * 64), [64, 64]);
  const size = ({ graph }: Model) =>
    [...graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

  test('whose layers all share one weight', async () => {
    const model = smallModel({
      inputs: { x: [1, 64] },
      outputs: numbers(100).map((i) => `y${i}`),
      constants: { w: weights, s: floats(numbers(64)) },
      nodes: numbers(100).flatMap((i) => [
        node('Mul', ['x', 's'], [`a${i}`]),
        node('Gemm', [`a${i}`, 'w'], [`b${i}`]),
        node('Mul', [`b${i}`, 's'], [`y${i}`]),
      ]),
    });
    assert.ok(size((await cleanUp(model, {})).model) <= size(model));
  });

  test('in passing, by many scales one behind the other', () => {
    const { graph } = smallModel({
      inputs: { x: [1, 64] },
      outputs: ['v100'],
      constants: { w: weights, s: floats([2]) },
      nodes: [node('Gemm', ['x', 'w'], ['v0']), ...numbers(100).map((i) => node('Mul', [`v${i}`, 's'], [`v${i + 1}`]))],
    });
    assert.equal(foldIntoProducer.run(graph), 100);
    assert.deepEqual([...graph.initializers.values()].filter(({ dims }) => dims.length === 2).length, 1);
  });
});

describe('graphs with exponentially many paths take time in proportion to their nodes', () => {
  const graphs: Readonly<Record<string, readonly Node[]>> = {
    'channels of unknown number, scaled before a layer': [
      node('Transpose', ['x'], ['v0'], { attributes: { perm: [0, 3, 1, 2] } }),
      ...doublings('Add'),
      node('Mul', [doubled, 's'], ['m']),
      node('Conv', ['m', 'w'], ['y']),
    ],
    'a gate computed from a pooled value': [
      node('GlobalAveragePool', ['x'], ['v0']),
      ...doublings('Mul'),
      node('Mul', ['x', doubled], ['g']),
      node('Add', ['x', 'g'], ['y']),
    ],
    'a scale between layers in the blocked layout': [
      node('Conv', ['x', 'w'], ['v0']),
      ...doublings('Add'),
      node('Add', [doubled, 's'], ['m']),
      node('Conv', ['m', 'w'], ['y'], { attributes: { pads: [1, 1, 1, 1] } }),
    ],
  };
  for (const [name, nodes] of Object.entries(graphs)) {
    test(name, LIMIT, async () => {
      const model = smallModel({ inputs: { x: IMAGE }, outputs: ['y'], constants, nodes });
      const { model: cleaned } = await cleanUp(model, {});
      assert.ok(tuneForCpu(cleaned, 4).model.graph.nodes.length > DOUBLINGS);
    });
  }

  test('sizes that only put themselves together', LIMIT, () => {
    const { graph } = smallModel({
      inputs: { x: [2, 2] },
      outputs: ['y'],
      constants: {},
      nodes: [
        node('Shape', ['x'], ['v0']),
        ...doublings('Concat'),
        node('Slice', [doubled], ['sizes']),
        node('Reshape', ['x', 'sizes'], ['r']),
        node('Relu', ['r'], ['y']),
      ],
    });
    const shapes = new Map([
      ['x', [2, 2]],
      ['r', [2, 2]],
      ['y', [2, 2]],
    ]);
    assert.ok(channelUnits(graph, shapes));
  });
});
