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
