import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Attribute, float, type Node, node } from '../../../src/onnx/ir/graph.js';
import { floats, int64s, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { raiseOpset } from '../../../src/onnx/opset/raise-opset.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../../src/platform/random.js';
import { largestDifference, runModel } from '../session.js';
import { randomTensors, smallModel } from '../small-model.js';

type Form = readonly [name: string, opset: number, nodes: Node[], constants?: Record<string, Tensor>];

const list = (...value: number[]): Attribute => ({ kind: 'floats', value });
const y = ['y'];
const channels = (value: number) => floats([value, value + 1, value + 2]);
const norm = { g: channels(1), b: channels(0), m: channels(-1), v: channels(1) };

/** Old forms on x [2, 3, 4, 5], each run by ONNX Runtime in its own operator set and in newer ones. */
const FORMS: readonly Form[] = [
  [
    'Upsample with scales in an attribute',
    7,
    [node('Upsample', ['x'], y, { attributes: { scales: list(1, 1, 2, 3) } })],
  ],
  ['Upsample, linear', 7, [node('Upsample', ['x'], y, { attributes: { scales: list(1, 1, 2, 2), mode: 'linear' } })]],
  ['Upsample with scales as input', 9, [node('Upsample', ['x', 's'], y)], { s: floats([1, 1, 2.5, 1.5]) }],
  ['Resize that enlarges', 10, [node('Resize', ['x', 's'], y)], { s: floats([1, 1, 1.5, 2]) }],
  ['Resize that shrinks', 10, [node('Resize', ['x', 's'], y)], { s: floats([1, 1, 0.6, 0.5]) }],
  [
    'Resize, linear',
    10,
    [node('Resize', ['x', 's'], y, { attributes: { mode: 'linear' } })],
    { s: floats([1, 1, 1.5, 0.5]) },
  ],
  [
    'Resize with empty scales beside sizes',
    11,
    [node('Resize', ['x', 'e', 'e', 'z'], y)],
    { e: floats([]), z: int64s([2, 3, 7, 3]) },
  ],
  ['Slice', 9, [node('Slice', ['x'], y, { attributes: { starts: [1, -3], ends: [1000, 4], axes: [2, 3] } })]],
  ['Slice without axes', 9, [node('Slice', ['x'], y, { attributes: { starts: [0, 1], ends: [2, 2] } })]],
  ['TopK', 9, [node('TopK', ['x'], ['y', 'i'], { attributes: { k: 2, axis: 1 } })]],
  ['Pad, constant', 9, [node('Pad', ['x'], y, { attributes: { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: float(1.5) } })]],
  ['Pad, reflect', 9, [node('Pad', ['x'], y, { attributes: { pads: [0, 0, 1, 2, 0, 0, 0, 1], mode: 'reflect' } })]],
  ['Clip with both bounds', 9, [node('Clip', ['x'], y, { attributes: { min: float(-0.5), max: float(0.25) } })]],
  ['Clip with one bound', 9, [node('Clip', ['x'], y, { attributes: { max: float(0.25) } })]],
  ['Clip without bounds', 9, [node('Clip', ['x'], y)]],
  ['Dropout', 7, [node('Dropout', ['x'], y, { attributes: { ratio: float(0.9) } })]],
  ['Dropout with an unread mask', 10, [node('Dropout', ['x'], ['y', 'mask'], { attributes: { ratio: float(0.9) } })]],
  [
    'BatchNormalization',
    7,
    [node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], y, { attributes: { spatial: 1 } })],
    norm,
  ],
  ['Split', 11, [node('Split', ['x'], ['a', 'y'], { attributes: { split: [1, 3], axis: 2 } })]],
  ['Split into equal parts', 11, [node('Split', ['x'], ['a', 'y'], { attributes: { axis: 2 } })]],
  [
    'Squeeze and Unsqueeze',
    11,
    [
      node('Unsqueeze', ['x'], ['u'], { attributes: { axes: [0, 2] } }),
      node('Squeeze', ['u'], y, { attributes: { axes: [2] } }),
    ],
  ],
  [
    'Squeeze of all',
    11,
    [node('Unsqueeze', ['x'], ['u'], { attributes: { axes: [0, 2] } }), node('Squeeze', ['u'], y)],
  ],
  ['ReduceSum', 11, [node('ReduceSum', ['x'], y, { attributes: { axes: [1, -1], keepdims: 0 } })]],
  ['ReduceSum of all', 11, [node('ReduceSum', ['x'], y)]],
  ['ReduceMean', 13, [node('ReduceMean', ['x'], y, { attributes: { axes: [2], keepdims: 1 } })]],
  ['ReduceMax of all', 13, [node('ReduceMax', ['x'], y)]],
  ...['Softmax', 'LogSoftmax', 'Hardmax'].flatMap((name): Form[] =>
    [undefined, 0, 1, 2, 3, -1, -2].map((axis) => [
      `${name}, axis ${axis ?? 'by default'}`,
      11,
      [node(name, ['x'], y, { attributes: axis === undefined ? {} : { axis } })],
    ]),
  ),
  [
    'Softmax of a value of unknown rank',
    11,
    [node('Squeeze', ['x'], ['u']), node('Softmax', ['u'], y, { attributes: { axis: 2 } })],
  ],
  [
    'Unsqueeze inside both branches of an If',
    11,
    [
      node('ReduceSum', ['x'], ['sum'], { attributes: { keepdims: 0 } }),
      node('Cast', ['sum'], ['positive'], { attributes: { to: 9 } }),
      node('If', ['positive'], y, {
        attributes: Object.fromEntries(
          ['then_branch', 'else_branch'].map((name) => [
            name,
            {
              kind: 'graph',
              value: {
                name,
                nodes: [node('Unsqueeze', ['x'], [`${name}_y`], { attributes: { axes: [1] } })],
                inputs: [],
                outputs: [{ name: `${name}_y`, type: { kind: 'tensor', dtype: 'float32', shape: null } }],
                initializers: new Map(),
                values: new Map(),
              },
            } satisfies Attribute,
          ]),
        ),
      }),
    ],
  ],
];

const REFUSED: readonly Form[] = [
  ['an operator set before 7', 6, [node('Relu', ['x'], y)]],
  ['Scan with a batch dimension', 8, [node('Scan', ['x'], y)]],
  [
    'BatchNormalization per position',
    8,
    [node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], y, { attributes: { spatial: 0 } })],
    norm,
  ],
  ['Dropout whose mask is read', 9, [node('Dropout', ['x'], ['a', 'mask']), node('Relu', ['mask'], y)]],
  ['Resize by unknown scales', 10, [node('Resize', ['x', 'x'], y)]],
];

describe('an old form raised', () => {
  for (const [name, opset, nodes, constants = {}] of FORMS) {
    test(`${name} (${opset}) computes the same`, async () => {
      const draw = randomTensors(seededRandom(5));
      const model = smallModel({ inputs: { x: [2, 3, 4, 5] }, outputs: ['y'], constants, nodes, opset });
      const feeds = new Map([['x', draw([2, 3, 4, 5])]]);
      const before = encodeModel(model);
      const expected = await runModel(before, feeds);
      for (const target of [13, 18, 21].filter((version) => version > opset)) {
        const { model: raised, changes } = raiseOpset(model, target);
        assert.ok(changes > 0 || opset === 13, 'nothing was rewritten');
        assert.ok(largestDifference(expected, await runModel(encodeModel(raised), feeds)) <= 1e-6, `to ${target}`);
      }
      assert.deepEqual(encodeModel(model), before, 'the given model was changed');
    });
  }
});

describe('a form without an equal', () => {
  for (const [name, opset, nodes, constants = {}] of REFUSED) {
    test(`${name} is refused by name`, () => {
      const model = smallModel({ inputs: { x: [2, 3, 4, 5] }, outputs: ['y'], constants, nodes, opset });
      assert.throws(() => raiseOpset(model, 13), { code: 'unsupported_opset' });
    });
  }
});
