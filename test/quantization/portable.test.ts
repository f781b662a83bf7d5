import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { cpuFacts } from '../../src/platform/cpu.js';
import { seededRandom } from '../../src/platform/random.js';
import { certify, portabilityNotes } from '../../src/quantization/certify.js';
import { cpuClass } from '../../src/quantization/what-pays.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors, samplesOf, VNNI } from './fixtures.js';

const [INPUTS, OUTPUTS, SIDE, KERNEL] = [16, 8, 6, 3];
const [K, N, ROWS] = [64, 24, 5];
const one = (dims: readonly number[], seed: number) => randomTensors(dims, 1, seed)[0] as Tensor;

const convolution = (): Model =>
  smallModel({
    nodes: [node('Conv', ['x', 'w'], ['y'], { name: 'layer' })],
    inputs: { x: ['float32', [1, INPUTS, SIDE, SIDE]] },
    outputs: { y: ['float32', null] },
    constants: { w: one([OUTPUTS, INPUTS, KERNEL, KERNEL], 1) },
  });
const product = (): Model =>
  smallModel({
    nodes: [node('MatMul', ['x', 'w'], ['y'], { name: 'layer' })],
    inputs: { x: ['float32', [ROWS, K]] },
    outputs: { y: ['float32', null] },
    constants: { w: one([K, N], 2) },
  });

const CASES = {
  int8_static: { model: convolution, x: one([1, INPUTS, SIDE, SIDE], 3) },
  int8_dynamic: { model: product, x: one([ROWS, K], 4) },
} as const;

const make = (scheme: keyof typeof CASES, portable: boolean) =>
  quantize(
    CASES[scheme].model(),
    { scheme, portable, only_what_pays: false, calibration: { method: 'mean_minmax', samples: 1 } },
    samplesOf('x', [CASES[scheme].x]),
    { cpu: { instructionSets: VNNI } },
  );

const integerWeights = (model: Model) =>
  [...model.graph.initializers.values()].find(({ dtype, dims }) => dtype === 'int8' && dims.length > 1) as Tensor;

/** Activations at the ends of their range, where pairs of products are largest. */
function extremes(dims: readonly number[]): Tensor {
  const random = seededRandom(9);
  const count = dims.reduce((product, dim) => product * dim, 1);
  return tensor(
    'uint8',
    dims,
    Uint8Array.from({ length: count }, () => (random() < 0.7 ? 255 : 0)),
  );
}

const only = async (model: Model, x: Tensor) =>
  (await runModel(encodeModel(model), new Map([['x', x]]), 'all')).get('y') as Tensor;

/** MatMulInteger by ONNX Runtime, and by whole numbers. */
async function products(weights: Tensor): Promise<[actual: number[], exact: number[]]> {
  const x = extremes([ROWS, K]);
  const graph = smallModel({
    nodes: [node('MatMulInteger', ['x', 'w'], ['y'])],
    inputs: { x: ['uint8', [ROWS, K]] },
    outputs: { y: ['int32', null] },
    constants: { w: weights },
  });
  const [a, w] = [elements(x, 'uint8'), elements(weights, 'int8')];
  const exact = Array.from({ length: ROWS * N }, (_, i) => {
    const [row, column] = [Math.floor(i / N), i % N];
    let sum = 0;
    for (let k = 0; k < K; k++) sum += (a[row * K + k] as number) * (w[k * N + column] as number);
    return sum;
  });
  return [Array.from(elements(await only(graph, x), 'int32')), exact];
}

/** The result's scale: a power of two, so that scaling is exact, and wide enough that hardly a sum leaves the range. */
const RESULT_SCALE = 2 ** 13;
const RESULT_ZERO = 128;
const halfToEven = (value: number) => {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

/** QLinearConv by ONNX Runtime, and by whole numbers. */
async function convolutions(weights: Tensor): Promise<[actual: number[], exact: number[]]> {
  const x = extremes([1, INPUTS, SIDE, SIDE]);
  const size = SIDE - KERNEL + 1;
  const graph = smallModel({
    nodes: [node('QLinearConv', ['x', 'one', 'zx', 'w', 'one', 'zw', 'sy', 'zy'], ['y'])],
    inputs: { x: ['uint8', [1, INPUTS, SIDE, SIDE]] },
    outputs: { y: ['uint8', null] },
    constants: {
      w: weights,
      one: floats([1], []),
      zx: tensor('uint8', [], Uint8Array.of(0)),
      zw: tensor('int8', [], Int8Array.of(0)),
      sy: floats([RESULT_SCALE], []),
      zy: tensor('uint8', [], Uint8Array.of(RESULT_ZERO)),
    },
  });
  const [a, w] = [elements(x, 'uint8'), elements(weights, 'int8')];
  const exact = Array.from({ length: OUTPUTS * size * size }, (_, i) => {
    const [m, row, column] = [Math.floor(i / (size * size)), Math.floor(i / size) % size, i % size];
    let sum = 0;
    for (let c = 0; c < INPUTS; c++)
      for (let u = 0; u < KERNEL; u++)
        for (let v = 0; v < KERNEL; v++)
          sum +=
            (a[(c * SIDE + row + u) * SIDE + column + v] as number) *
            (w[((m * INPUTS + c) * KERNEL + u) * KERNEL + v] as number);
    return Math.min(255, Math.max(0, halfToEven(sum / RESULT_SCALE) + RESULT_ZERO));
  });
  return [Array.from(elements(await only(graph, x), 'uint8')), exact];
}

const ARITHMETIC = { int8_static: convolutions, int8_dynamic: products } as const;
/** Whether this CPU adds pairs of products up in 16 bits. */
const saturating = process.arch === 'x64' && cpuClass(cpuFacts().instructionSets) === 'avx2';

for (const scheme of ['int8_static', 'int8_dynamic'] as const) {
  describe(`${scheme}, portable`, () => {
    test('the integer kernel gives the exact sums, and the report proves it', async () => {
      const { model, nodes, executed } = await make(scheme, true);
      const [actual, exact] = await ARITHMETIC[scheme](integerWeights(model));
      assert.deepEqual(actual, exact);
      assert.ok((nodes[0]?.largest_pair ?? 999) <= 128);
      const { fusion, portability } = certify(nodes, executed ?? { quantize_linear: 0, dequantize_linear: 0 });
      assert.equal(fusion.integer_nodes, 1);
      assert.equal(Object.values(fusion.kernels)[0], 1);
      assert.deepEqual([portability.exact_everywhere, portability.risky_nodes], [true, []]);
    });

    test('without it, the report names the nodes at risk', async () => {
      const { nodes, notes, executed } = await make(scheme, false);
      assert.ok((nodes[0]?.largest_pair ?? 0) > 128);
      assert.ok(notes.some((note) => note.startsWith('Not portable') && note.includes('layer')));
      const { portability } = certify(nodes, executed ?? { quantize_linear: 0, dequantize_linear: 0 });
      assert.deepEqual([portability.exact_everywhere, portability.risky_nodes], [false, ['layer']]);
    });

    test('without it, a CPU of 16-bit sums gives others', { skip: !saturating && 'this CPU is exact' }, async () => {
      const [actual, exact] = await ARITHMETIC[scheme](integerWeights((await make(scheme, false)).model));
      assert.notDeepEqual(actual, exact);
    });
  });
}

test('nothing is said of portability where nothing runs in integer', () => {
  assert.deepEqual(
    portabilityNotes([{ name: 'a', op_type: 'Conv', integer: false, sqnr_db: 1, exact_everywhere: null }]),
    [],
  );
});
