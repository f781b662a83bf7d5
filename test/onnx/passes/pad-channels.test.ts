import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { intAttribute, type Node, node } from '../../../src/onnx/ir/graph.js';
import { ChannelSets } from '../../../src/onnx/passes/channel-sets.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { padChannels } from '../../../src/onnx/passes/pad-channels.js';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import type { RunModel } from '../../../src/onnx/shapes/record-shapes.js';
import { REAL_MODELS, type RealModel } from '../real-models.js';
import { largestDifference, runModel } from '../session.js';
import { type Case, type Draw, testRewrites } from './rewrite-case.js';

const BLOCK = 8;
const conv = (input: string, output: string, weights: string, attributes: Record<string, number | number[]> = {}) =>
  node('Conv', [input, weights, `${weights}_bias`], [output], { name: output, attributes });
const depthwise = (input: string, output: string) => conv(input, output, 'deep', { group: 6, pads: [1, 1, 1, 1] });
const expand = conv('x', 'a', 'wide');
const project = (input: string) => conv(input, 'y', 'narrow');
const constants = (draw: Draw) => ({
  wide: draw([6, 4, 1, 1]),
  wide_bias: draw([6]),
  deep: draw([6, 1, 3, 3]),
  deep_bias: draw([6]),
  narrow: draw([3, 6, 1, 1]),
  narrow_bias: draw([3]),
  squeeze: draw([2, 6, 1, 1]),
  squeeze_bias: draw([2]),
  excite: draw([6, 2, 1, 1]),
  excite_bias: draw([6]),
  shift: draw([6, 1, 1]),
  factor: draw([1]),
  map: draw([1, 1, 6, 5]),
});

const CASES: readonly (readonly [name: string, changes: number, nodes: readonly Node[]])[] = [
  [
    'expand, depthwise, project',
    3,
    [expand, node('Relu', ['a'], ['r']), depthwise('r', 'd'), node('HardSwish', ['d'], ['h']), project('h')],
  ],
  [
    'squeeze and excite',
    5,
    [
      expand,
      depthwise('a', 'd'),
      node('GlobalAveragePool', ['d'], ['p']),
      conv('p', 's', 'squeeze'),
      node('Relu', ['s'], ['t']),
      conv('t', 'e', 'excite'),
      node('HardSigmoid', ['e'], ['g']),
      node('Mul', ['d', 'g'], ['h']),
      project('h'),
    ],
  ],
  [
    'a residual and constants per channel',
    4,
    [
      expand,
      depthwise('a', 'd'),
      node('Add', ['d', 'a'], ['s']),
      node('Add', ['s', 'shift'], ['t']),
      node('Mul', ['t', 'factor'], ['h']),
      project('h'),
    ],
  ],
  ['not a value that is an output', 0, [expand, depthwise('a', 'y')]],
  [
    'not a value that something else reads',
    0,
    [
      expand,
      depthwise('a', 'd'),
      node('Transpose', ['d'], ['u'], { attributes: { perm: [0, 1, 3, 2] } }),
      node('ReduceMax', ['u'], ['m'], { attributes: { keepdims: 0 } }),
      project('d'),
      node('Mul', ['y', 'm'], ['z']),
    ],
  ],
  ['not an input of the graph', 0, [conv('x', 'b', 'own', { group: 4 }), conv('b', 'y', 'last')]],
  ['not where nothing is depthwise', 0, [expand, node('Relu', ['a'], ['r']), project('r')]],
  [
    'not a constant that spans positions',
    0,
    [expand, depthwise('a', 'd'), node('Mul', ['d', 'map'], ['h']), project('h')],
  ],
];

testRewrites(
  'pad channels',
  CASES.map(
    ([name, changes, nodes]): Case => ({
      name,
      pass: padChannels(BLOCK),
      changes,
      build: (draw) => ({
        opset: 14,
        nodes,
        constants: {
          ...constants(draw),
          own: draw([4, 1, 1, 1]),
          own_bias: draw([4]),
          last: draw([3, 4, 1, 1]),
          last_bias: draw([3]),
        },
      }),
    }),
  ),
);

test('the classifier of PP-OCR with blocks of 16: equal answers, most of its depthwise convolutions padded', async () => {
  const { path, feeds } = REAL_MODELS[0] as RealModel;
  const run: RunModel = (model) => runModel(encodeModel(model), new Map());
  const original = decodeModel(readFileSync(path));
  const { model } = await cleanUp(original, { run, padTo: 16 });
  const groups = model.graph.nodes.flatMap((each) => intAttribute(each, 'group', 1)).filter((group) => group > 1);
  assert.ok(groups.filter((group) => group % 16 === 0).length >= 9, `groups of ${groups}`);
  const expected = await runModel(readFileSync(path), feeds);
  assert.ok(largestDifference(expected, await runModel(encodeModel(model), feeds, 'all'), 1) < 1e-5);
  assert.deepEqual((await cleanUp(model, { run, padTo: 16 })).passes, [], 'a second clean-up finds more');
});

test('a chain of a hundred thousand joined values is one set', () => {
  const sets = new ChannelSets();
  for (let i = 0; i < 100_000; i++) sets.join([`v${i + 1}`, `v${i}`]);
  assert.equal(sets.of('v0'), sets.of('v100000'));
});
