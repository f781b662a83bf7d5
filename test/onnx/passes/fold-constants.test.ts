import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Model, node } from '../../../src/onnx/ir/graph.js';
import { floats, int64s } from '../../../src/onnx/ir/tensor.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import type { RunModel } from '../../../src/onnx/shapes/record-shapes.js';
import { seededRandom } from '../../../src/platform/random.js';
import { runModel } from '../session.js';
import { randomTensors, smallModel } from '../small-model.js';

const run: RunModel = (model) => runModel(encodeModel(model), new Map());
const draw = randomTensors(seededRandom(1));
const X = { x: [2, 128] };
const turned = { attributes: { perm: [1, 0] } };

async function folded(model: Model) {
  const result = await cleanUp(model, { run });
  const added = encodeModel(result.model).length - encodeModel(model).length;
  return { operators: result.model.graph.nodes.map(({ opType }) => opType), added };
}

describe('fold_constants', () => {
  test('a weight that only its Transpose reads takes the place of both', async () => {
    const { operators, added } = await folded(
      smallModel({
        inputs: X,
        outputs: ['y'],
        constants: { w: draw([256, 128]) },
        nodes: [node('Transpose', ['w'], ['t'], turned), node('MatMul', ['x', 't'], ['y'])],
      }),
    );
    assert.deepEqual(operators, ['MatMul']);
    assert.ok(added <= 0);
  });

  test('a weight that is asked for its shape is still folded', async () => {
    const { operators } = await folded(
      smallModel({
        inputs: X,
        outputs: ['y'],
        constants: { w: draw([256, 128]) },
        nodes: [
          node('Transpose', ['w'], ['t'], turned),
          node('MatMul', ['x', 't'], ['p']),
          node('Shape', ['w'], ['s']),
          node('Cast', ['s'], ['c'], { attributes: { to: 1 } }),
          node('ReduceMax', ['c'], ['m'], { attributes: { keepdims: 0 } }),
          node('Add', ['p', 'm'], ['y']),
        ],
      }),
    );
    assert.deepEqual(operators, ['MatMul', 'Add']);
  });

  const gates = (cut: readonly ReturnType<typeof node>[]) => ({
    inputs: { x: [2, 384] },
    outputs: ['y'],
    constants: {
      w: draw([384, 128]),
      ...Object.fromEntries([0, 128, 256, 384].map((row) => [`row${row}`, int64s([row])])),
    },
    nodes: [
      ...[0, 128, 256].map((row, i) => node('Slice', ['w', `row${row}`, `row${row + 128}`, 'row0'], [`gate${i}`])),
      node('Concat', ['gate1', 'gate0', 'gate2'], ['gates'], { attributes: { axis: 0 } }),
      ...cut,
    ],
  });

  test('a weight whose parts are put together in another order takes the place of all', async () => {
    const { operators, added } = await folded(smallModel(gates([node('MatMul', ['x', 'gates'], ['y'])])));
    assert.deepEqual(operators, ['MatMul']);
    assert.ok(added <= 0);
  });

  test('a weight that is used in both orders is not stored again', async () => {
    const both = [
      node('MatMul', ['x', 'gates'], ['p']),
      node('MatMul', ['x', 'w'], ['q']),
      node('Add', ['p', 'q'], ['y']),
    ];
    const { operators, added } = await folded(smallModel(gates(both)));
    assert.ok(operators.includes('Concat'));
    assert.ok(added < 1024);
  });

  test('parts of one weight take its place when nothing else reads it', async () => {
    const { operators, added } = await folded(
      smallModel({
        inputs: { x: [2, 256] },
        outputs: ['y'],
        constants: { w: draw([256, 256]) },
        nodes: [
          node('Split', ['w'], ['a', 'b'], { attributes: { axis: 1 } }),
          node('MatMul', ['x', 'a'], ['p']),
          node('MatMul', ['x', 'b'], ['q']),
          node('Add', ['p', 'q'], ['y']),
        ],
      }),
    );
    assert.deepEqual(operators, ['MatMul', 'MatMul', 'Add']);
    assert.ok(added <= 256, `${added}`);
  });

  /** Weights of 64 KB each, as small as a folded constant may always be, and an axis to share. */
  const parts = () => ({
    ...Object.fromEntries(['a', 'b'].map((name) => [name, draw([128, 128])])),
    axis: int64s([0]),
  });
  const directions = { attributes: { axis: 0 } };

  test('small weights that are put together take the place of their parts', async () => {
    const { operators, added } = await folded(
      smallModel({
        inputs: X,
        outputs: ['y', 'z'],
        constants: { ...parts(), ...Object.fromEntries(['c', 'd'].map((name) => [name, draw([128, 128])])) },
        nodes: [
          ...['a', 'b', 'c', 'd'].map((name) => node('Unsqueeze', [name, 'axis'], [`${name}1`])),
          node('Concat', ['a1', 'b1'], ['W'], directions),
          node('Concat', ['c1', 'd1'], ['R'], directions),
          node('MatMul', ['x', 'W'], ['y']),
          node('MatMul', ['x', 'R'], ['z']),
        ],
      }),
    );
    assert.deepEqual(operators, ['MatMul', 'MatMul']);
    assert.ok(added <= 256, `${added}`);
  });

  test('small weights that are put together in two ways are not stored twice', async () => {
    const { operators, added } = await folded(
      smallModel({
        inputs: X,
        outputs: ['y', 'z'],
        constants: parts(),
        nodes: [
          node('Concat', ['a', 'b'], ['ab'], directions),
          node('Concat', ['b', 'a'], ['ba'], directions),
          node('Gemm', ['x', 'ab'], ['y'], { attributes: { transB: 1 } }),
          node('Gemm', ['x', 'ba'], ['z'], { attributes: { transB: 1 } }),
        ],
      }),
    );
    assert.deepEqual(operators, ['Concat', 'Concat', 'Gemm', 'Gemm']);
    assert.ok(added < 1024, `${added}`);
  });

  test('small weights that are put together and also used apart are not stored again', async () => {
    const { operators, added } = await folded(
      smallModel({
        inputs: X,
        outputs: ['y', 'z'],
        constants: parts(),
        nodes: [
          node('Concat', ['a', 'b'], ['ab'], directions),
          node('Gemm', ['x', 'ab'], ['y'], { attributes: { transB: 1 } }),
          node('MatMul', ['x', 'a'], ['z']),
        ],
      }),
    );
    assert.ok(operators.includes('Concat'));
    assert.ok(added < 1024, `${added}`);
  });

  test('a weight that stays in use is not stored again', async () => {
    const { operators, added } = await folded(
      smallModel({
        inputs: X,
        outputs: ['y'],
        constants: { w: draw([256, 128]) },
        nodes: [
          node('Transpose', ['w'], ['t'], turned),
          node('MatMul', ['x', 't'], ['p']),
          node('MatMul', ['p', 'w'], ['y']),
        ],
      }),
    );
    assert.deepEqual(operators, ['Transpose', 'MatMul', 'MatMul']);
    assert.ok(added < 1024);
  });

  test('many small constants of nothing add 1 MiB at the most', async () => {
    const count = 60;
    const values = Array.from({ length: count }, (_, i) => i);
    const { added } = await folded(
      smallModel({
        inputs: { x: [1, 16_000] },
        outputs: [`y${count}`],
        constants: {
          dims: int64s([16_000]),
          ...Object.fromEntries(values.map((i) => [`c${i}`, floats([i + 1])])),
        },
        nodes: [
          node('Relu', ['x'], ['y0']),
          ...values.flatMap((i) => [
            node('Expand', [`c${i}`, 'dims'], [`e${i}`]),
            node('Mul', [`y${i}`, `e${i}`], [`y${i + 1}`]),
          ]),
        ],
      }),
    );
    assert.ok(added < 1024 * 1024 + 16_384, `${added}`);
  });

  test('what Dropout draws while training is drawn anew in every run', async () => {
    const { operators } = await folded(
      smallModel({
        inputs: { x: [1, 4] },
        outputs: ['y'],
        constants: {
          c: floats([1, 2, 3, 4]),
          ratio: floats([0.5], []),
          training: { dtype: 'bool', dims: [], bytes: Uint8Array.of(1) },
        },
        nodes: [node('Dropout', ['c', 'ratio', 'training'], ['d']), node('Add', ['x', 'd'], ['y'])],
      }),
    );
    assert.deepEqual(operators, ['Dropout', 'Add']);
  });
});
