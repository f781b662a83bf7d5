import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf, VNNI } from './fixtures.js';

const [ROWS, WIDTH] = [512, 64];
const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;

/** Outputs that multiply by the table that the inputs are looked up in. */
const HEADS = {
  'a Transpose and a MatMul': [
    node('Transpose', ['table'], ['turned'], { attributes: { perm: [1, 0] } }),
    node('MatMul', ['h', 'turned'], ['y'], { name: 'head' }),
  ],
  'a Gemm': [
    node('Reshape', ['h', 'flat'], ['flattened']),
    node('Gemm', ['flattened', 'table'], ['y'], { name: 'head', attributes: { transB: 1 } }),
  ],
} as const;
type Head = keyof typeof HEADS;

const tied = (head: Head): Model =>
  smallModel({
    nodes: [
      node('Gather', ['table', 'ids'], ['e'], { name: 'look_up' }),
      node('MatMul', ['e', 'w'], ['a'], { name: 'hidden' }),
      node('Relu', ['a'], ['h']),
      ...HEADS[head],
    ],
    inputs: { ids: ['int64', [2, 8]] },
    outputs: { y: ['float32', null] },
    constants: {
      table: only(randomTensors([ROWS, WIDTH], 1, 1)),
      w: only(randomTensors([WIDTH, WIDTH], 1, 2)),
      flat: int64s([-1, WIDTH]),
    },
  });

const ids = int64s(
  Array.from({ length: 16 }, (_, i) => (i * 37) % ROWS),
  [2, 8],
);
const bytesOf = (model: Model) => encodeModel(model).length;
const outputOf = async (model: Model) =>
  elements((await runModel(encodeModel(model), new Map([['ids', ids]]), 'all')).get('y') as Tensor, 'float32');

/** Energy of the float output over that of the difference, in dB. */
async function signalToNoise(float: Model, other: Model): Promise<number> {
  const [exact, found] = [await outputOf(float), await outputOf(other)];
  const energy = (of: (value: number, i: number) => number) =>
    exact.reduce((sum, value, i) => sum + of(value, i) ** 2, 0);
  return 10 * Math.log10(energy((value) => value) / energy((value, i) => value - (found[i] as number)));
}

type Given = Partial<QuantizeStep> & Pick<QuantizeStep, 'scheme'>;
/** With the largest size, as a share of the float model's, and the least signal to noise in dB. */
const CASES: readonly (readonly [step: Given, size: number, decibel: number])[] = [
  [{ scheme: 'optimized' }, 1.01, 100],
  [{ scheme: 'int8_static', only_what_pays: false }, 0.35, 10],
  [{ scheme: 'int8_dynamic', only_what_pays: false }, 0.35, 10],
  [{ scheme: 'int8_weights' }, 0.35, 30],
  [{ scheme: 'int8_weights', only_what_pays: false }, 0.35, 30],
  [{ scheme: 'int4_weights', only_what_pays: false }, 0.35, 30],
  [{ scheme: 'fp16_weights' }, 0.55, 50],
  [{ scheme: 'fp16' }, 0.55, 50],
  [{ scheme: 'int8_weights', only_what_pays: false, exclude: ['head'] }, 1.01, 30],
  [{ scheme: 'int8_weights', exclude: ['look_up'] }, 1.01, 30],
];

for (const head of Object.keys(HEADS) as Head[]) {
  describe(`an embedding that ${head} read again`, () => {
    for (const [step, size, decibel] of CASES) {
      test(`is stored once: ${JSON.stringify(step)}`, async () => {
        const model = tied(head);
        const result = await quantize(model, step, samplesOf('ids', [ids]), { cpu: { instructionSets: AVX2 } });
        const ratio = bytesOf(result.model) / bytesOf(model);
        assert.ok(ratio <= size, `${ratio}`);
        const found = await signalToNoise(model, result.model);
        assert.ok(found >= decibel, `${found} dB`);
      });
    }
  });
}

test('what pays on a CPU with integer dot products is stored once, too, and runs in integer', async () => {
  const model = tied('a Transpose and a MatMul');
  const step = { scheme: 'int8_static' } as const;
  const result = await quantize(model, step, samplesOf('ids', [ids]), { cpu: { instructionSets: VNNI } });
  assert.equal(result.nodes.find(({ name }) => name === 'head')?.integer, true);
  assert.ok(bytesOf(result.model) <= 0.35 * bytesOf(model));
});
