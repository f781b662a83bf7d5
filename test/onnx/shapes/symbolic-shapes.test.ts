import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { node } from '../../../src/onnx/ir/graph.js';
import { floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { tuneForCpu } from '../../../src/onnx/passes/tune-for-cpu.js';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { recordShapes } from '../../../src/onnx/shapes/record-shapes.js';
import { symbolicShapes } from '../../../src/onnx/shapes/symbolic-shapes.js';
import { REAL_MODELS } from '../real-models.js';
import { largestDifference, runModel } from '../session.js';
import { smallModel } from '../small-model.js';

/** Values whose shapes the symbols must reach, at least, in convolutional networks. */
const REACHED: Readonly<Record<string, number>> = {
  'PP-OCR cls': 130,
  'PP-OCR rec': 90,
  'PP-OCR det': 140,
  resnet: 45,
};

describe('symbolicShapes', () => {
  for (const { name, path, feeds, missing } of REAL_MODELS.filter((model) => model.name in REACHED)) {
    test(`of ${name} are those of a run, for fixed sizes and for named ones`, { skip: missing }, async () => {
      const { model } = await cleanUp(decodeModel(readFileSync(path)));
      const recorded = await recordShapes(model, (exposed) => runModel(encodeModel(exposed), feeds), feeds);
      const open = symbolicShapes(model.graph);
      const sizes = new Map<string, number>();
      for (const [value, shape] of open) {
        const dims = recorded.get(value)?.dims ?? [];
        assert.equal(shape.length, dims.length, value);
        for (const [axis, size] of shape.entries()) {
          if (typeof size === 'number') assert.equal(size, dims[axis], value);
          if (typeof size !== 'string') continue;
          assert.equal(sizes.get(size) ?? dims[axis], dims[axis], `${size} has two sizes`);
          sizes.set(size, dims[axis] as number);
        }
      }
      model.graph.inputs = model.graph.inputs.map((input) => {
        const tensor = feeds.get(input.name) as Tensor;
        return { ...input, type: { kind: 'tensor', dtype: 'float32', shape: tensor.dims } };
      });
      let reached = 0;
      for (const [value, shape] of symbolicShapes(model.graph)) {
        if (!model.graph.initializers.has(value)) reached++;
        assert.deepEqual(shape, recorded.get(value)?.dims, value);
      }
      assert.ok(reached >= (REACHED[name] ?? 0), `only ${reached} values`);
    });
  }

  test('take a name for two dimensions of one input as no name', () => {
    const model = smallModel({
      inputs: { x: [1, 2, 3, 4] },
      outputs: ['y'],
      constants: {},
      nodes: [node('Relu', ['x'], ['y'])],
    });
    model.graph.inputs = [{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: ['n', 2, '?', '?'] } }];
    assert.deepEqual(symbolicShapes(model.graph).get('y'), ['n', 2, 'x_2', 'x_3']);
  });

  test('have short names however deep the graph and long its names, equal ones for equal sizes', () => {
    const long = 'x'.repeat(10_000);
    const window = { attributes: { kernel_shape: [2, 2], strides: [2, 2] } };
    const chain = (kind: string) =>
      Array.from({ length: 300 }, (_, i) =>
        node(i % 3 === 0 ? 'Relu' : 'MaxPool', [i === 0 ? long : `${kind}${i - 1}`], [`${kind}${i}`], window),
      );
    const model = smallModel({
      inputs: { [long]: [1, 2, 3, 4], wide: Array<number>(1000).fill(2) },
      outputs: ['a299'],
      constants: {},
      nodes: [...chain('a'), ...chain('b'), node('Relu', ['wide'], ['w'])],
    });
    const shapes = symbolicShapes(model.graph);
    assert.deepEqual(shapes.get('a299'), shapes.get('b299'));
    const deep = new Set(['a296', 'a298', 'a299'].map((value) => shapes.get(value)?.[2]));
    assert.equal(deep.size, 3, 'different sizes have different names');
    for (const shape of shapes.values())
      for (const size of shape) assert.ok(String(size).length < 64, `${String(size).length} characters`);
    assert.equal(shapes.has('w'), false);
  });

  test('know numpy broadcasting', () => {
    const model = smallModel({
      inputs: { a: [1, 1], b: [1] },
      outputs: ['y'],
      constants: { c: floats([1, 2, 3], [3, 1]) },
      nodes: [node('Add', ['a', 'b'], ['d']), node('Mul', ['a', 'c'], ['e']), node('Add', ['a', 'a'], ['y'])],
    });
    const shapes = symbolicShapes(model.graph);
    assert.deepEqual(
      ['d', 'e', 'y'].map((name) => shapes.get(name)),
      [
        ['a_0', null],
        [3, 'a_1'],
        ['a_0', 'a_1'],
      ],
    );
  });
});

describe('tuneForCpu', () => {
  for (const { name, path, feeds, missing } of REAL_MODELS) {
    for (const block of [1, 8, 16]) {
      test(`${name} in blocks of ${block} gives equal answers, optimized`, { skip: missing }, async () => {
        const bytes = readFileSync(path);
        const tuned = encodeModel(tuneForCpu((await cleanUp(decodeModel(bytes))).model, block).model);
        assert.ok(largestDifference(await runModel(bytes, feeds), await runModel(tuned, feeds, 'all'), 1) <= 1e-5);
      });
    }
  }
});
