import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Graph, type Node, node } from '../../../src/onnx/ir/graph.js';
import { floats, int64s, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { pinShapes } from '../../../src/onnx/shapes/pin-shapes.js';
import type { RunModel } from '../../../src/onnx/shapes/record-shapes.js';
import { staticShapes } from '../../../src/onnx/shapes/static-shapes.js';
import { bytesEqual, runModel } from '../session.js';
import { smallModel } from '../small-model.js';

const branch = (name: string, nodes: Node[], output: string, constants: Record<string, Tensor> = {}): Graph => ({
  name,
  nodes,
  inputs: [],
  outputs: [{ name: output, type: null }],
  initializers: new Map(Object.entries(constants)),
  values: new Map(),
});
const ifNode = (condition: string, output: string, yes: Graph, no: Graph): Node =>
  node('If', [condition], [output], {
    attributes: { then_branch: { kind: 'graph', value: yes }, else_branch: { kind: 'graph', value: no } },
  });
const feeds = new Map([['x', floats([1, -2, 3, -4, 5, -6], [2, 3])]]);
const run: RunModel = (model, fetches) =>
  runModel(encodeModel(model), feeds).then((all) => new Map([...all].filter(([name]) => fetches.includes(name))));

/** If rank(x) = 2 then, if its first size is 2, −x·k, else x; else |x|. Both sides use the name `a`, as exporters do. */
function nested() {
  const inner = ifNode(
    'second',
    'v',
    branch('inner', [node('Neg', ['x'], ['a']), node('Mul', ['a', 'ten'], ['u'])], 'u', { ten: floats([10], []) }),
    branch('none', [node('Identity', ['x'], ['w'])], 'w'),
  );
  const outer = branch(
    'outer',
    [
      node('Shape', ['x'], ['t']),
      node('Gather', ['t', 'zero'], ['size']),
      node('Equal', ['size', 'two'], ['second']),
      inner,
    ],
    'v',
    { zero: int64s([0], []), two: int64s([2], []) },
  );
  const nodes = [
    node('Shape', ['x'], ['s']),
    node('Size', ['s'], ['rank']),
    node('Equal', ['rank', 'k'], ['first']),
    ifNode('first', 'z', outer, branch('other', [node('Abs', ['x'], ['a'])], 'a')),
    node('Relu', ['z'], ['y']),
  ];
  return smallModel({ inputs: { x: [2, 3] }, outputs: ['y'], constants: { k: int64s([2], []) }, nodes });
}

describe('pinShapes', () => {
  test('unfolds Ifs that ask for shapes, names included', async () => {
    const model = nested();
    const { model: pinned, changes } = await pinShapes(model, feeds, run);
    assert.ok(changes > 0);
    const { model: cleaned } = await cleanUp(pinned, { run });
    assert.deepEqual(
      cleaned.graph.nodes.map(({ opType }) => opType),
      ['Neg', 'Mul', 'Relu'],
    );
    const [before, after] = [await runModel(encodeModel(model), feeds), await runModel(encodeModel(cleaned), feeds)];
    assert.ok(bytesEqual(before.get('y') as Tensor, after.get('y') as Tensor));
    assert.deepEqual(cleaned.graph.inputs[0]?.type, { kind: 'tensor', dtype: 'float32', shape: [2, 3] });
  });

  test('keeps what depends on the values of inputs', async () => {
    const model = smallModel({
      inputs: { x: [2, 3] },
      outputs: ['y'],
      constants: { zero: floats([0], []) },
      nodes: [
        node('Greater', ['x', 'zero'], ['mask']),
        node('NonZero', ['mask'], ['where']),
        node('Shape', ['where'], ['count']),
        node('ConstantOfShape', ['count'], ['y']),
      ],
    });
    assert.ok(!staticShapes(model.graph).has('where'));
    assert.ok(!staticShapes(model.graph).has('y'));
    const { changes } = await pinShapes(model, feeds, run);
    assert.equal(changes, 0);
  });

  test('keeps sizes that operators take from data, whichever operator it is', async () => {
    const sized = (nodes: Node[]) =>
      smallModel({
        inputs: { x: [2, 3] },
        outputs: ['y'],
        constants: { axes: int64s([0, 1]), none: floats([0], []), first: int64s([0]) },
        nodes: [
          node('Greater', ['x', 'none'], ['mask']),
          node('Cast', ['mask'], ['ones'], { attributes: { to: 7 } }),
          node('ReduceSum', ['ones', 'axes'], ['count'], { attributes: { keepdims: 0 } }),
          ...nodes,
          node('Shape', ['sized'], ['y']),
        ],
      });
    const cases = [
      [node('HannWindow', ['count'], ['sized'])],
      [
        node('Unsqueeze', ['count', 'first'], ['sizes']),
        node('CenterCropPad', ['x', 'sizes'], ['sized'], { attributes: { axes: [0] } }),
      ],
      [node('OperatorOfTomorrow', ['count'], ['sized'])],
    ];
    for (const nodes of cases) assert.ok(!staticShapes(sized(nodes).graph).has('sized'), nodes.at(-1)?.opType);
  });
});
