import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elementCount, type Tensor, tensor } from '../../src/onnx/ir/tensor.js';
import { ServiceError } from '../../src/platform/errors.js';
import { unpackBits } from '../../src/quantization/pack-bits.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, answerTo, quantize, randomTensors, samplesOf } from './fixtures.js';

const dims = [1, 16, 8, 8];
const samples = randomTensors(dims, 4, 5);
const weights = (shape: readonly number[], seed: number) => randomTensors(shape, 1, seed)[0] as Tensor;

/** A layer at each end, and between them one of each operator that bears 4 bits, and one too small to gain by it. */
const network = (): Model =>
  smallModel({
    nodes: [
      node('Conv', ['x', 'w1', 'b1'], ['c1'], { name: 'first', attributes: { pads: [1, 1, 1, 1] } }),
      node('Relu', ['c1'], ['r1'], { name: 'relu' }),
      node('Conv', ['r1', 'w2', 'b2'], ['c2'], { name: 'second', attributes: { strides: [2, 2] } }),
      node('Conv', ['c2', 'w3', 'b2'], ['c3'], { name: 'depthwise', attributes: { group: 32 } }),
      node('Flatten', ['c3'], ['f'], { name: 'flatten' }),
      node('Gemm', ['f', 'w4', 'b2'], ['g'], { name: 'gemm', attributes: { transB: 1 } }),
      node('Relu', ['g'], ['r2'], { name: 'relu2' }),
      node('MatMul', ['r2', 'w5'], ['m'], { name: 'product' }),
      node('Gemm', ['m', 'w6', 'b2'], ['y'], { name: 'last' }),
    ],
    inputs: { x: ['float32', dims] },
    outputs: { y: ['float32', null] },
    constants: {
      w1: weights([16, 16, 3, 3], 1),
      b1: weights([16], 2),
      w2: weights([32, 16, 3, 3], 3),
      b2: weights([32], 4),
      w3: weights([32, 1, 1, 1], 5),
      w4: weights([32, 288], 6),
      w5: weights([32, 32], 7),
      w6: weights([32, 32], 8),
    },
  });

type Step = Parameters<typeof quantize>[1];
const make = (step: Partial<Step> = {}, model = network()) =>
  quantize(model, { scheme: 'int8_static', weight_bits: 4, only_what_pays: false, ...step }, samplesOf('x', samples), {
    count: samples.length,
    cpu: { instructionSets: AVX2 },
  });

const answer = (model: Model) => answerTo(model, samples[0] as Tensor);

/** What constants of 4 bits a model holds, by name, as integers. */
const packed = ({ graph }: Model) =>
  new Map(
    [...graph.initializers]
      .filter(([, { dtype }]) => dtype === 'int4')
      .map(([name, { bytes, dims: shape }]) => [
        name,
        Int8Array.from(unpackBits(bytes, 4, elementCount(shape)), (nibble) => (nibble > 7 ? nibble - 16 : nibble)),
      ]),
  );

/** The same model with int8 constants that nothing unpacks. */
function unpacked(model: Model): Model {
  const initializers = new Map(model.graph.initializers);
  const integers = packed(model);
  for (const [name, values] of integers)
    initializers.set(name, tensor('int8', initializers.get(name)?.dims ?? [], values));
  const casts = model.graph.nodes.filter(
    ({ opType, inputs: [input = ''] }) => opType === 'Cast' && integers.has(input),
  );
  const stored = new Map(casts.map(({ inputs: [input = ''], outputs: [output = ''] }) => [output, input]));
  const nodes = model.graph.nodes
    .filter((each) => !casts.includes(each))
    .map((each) => ({ ...each, inputs: each.inputs.map((input) => stored.get(input) ?? input) }));
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}

describe('weights of 4 bits between INT8 activations', () => {
  test('the same integer kernels run, as if the integers were stored in 8 bits', async () => {
    const { model, nodes, notes, integer_nodes: integer } = await make();
    const kernels = Object.fromEntries(nodes.map(({ name, kernel }) => [name, kernel]));
    assert.deepEqual(kernels, {
      ...{ first: 'QLinearConv', second: 'QLinearConv', depthwise: 'QLinearConv', gemm: 'QGemm' },
      ...{ flatten: 'on integers as it is', product: 'QLinearMatMul', last: 'QGemm' },
    });
    assert.equal(integer, 7);
    assert.ok(
      notes.some((note) => /^3 integer nodes hold weights of 4 bits/.test(note)),
      notes.join('\n'),
    );
    assert.deepEqual([...packed(model).keys()].toSorted(), ['w2_int4', 'w4_int4', 'w5_int4']);
    assert.deepEqual(await answer(model), await answer(unpacked(model)));
  });

  for (const step of [
    {},
    { weight_ranges: 'mse' },
    { rounding: 'adaptive' },
    { rounding: 'adaptive', portable: true },
    { per_channel: false },
  ] satisfies Partial<Step>[])
    test(`integers lie between -7 and 7 and use them: ${JSON.stringify(step)}`, async () => {
      const { model } = await make(step);
      const all = [...packed(model).values()].flatMap((values) => [...values]);
      assert.equal(Math.min(...all), -7);
      assert.equal(Math.max(...all), 7);
    });

  test('a better rounding keeps the outputs nearer to FP32', async () => {
    const expected = await answer(network());
    const error = async (step: Partial<Step>) => {
      const actual = await answer((await make(step)).model);
      return expected.reduce((sum, value, i) => sum + (value - (actual[i] ?? Number.NaN)) ** 2, 0);
    };
    const [plain, better] = [await error({}), await error({ weight_ranges: 'mse', rounding: 'adaptive' })];
    assert.ok(better < 0.8 * plain, `${plain} → ${better}`);
  });

  test('what stays in float is stored in 4 bits, too, but for the ends', async () => {
    const { model, notes } = await make({ include: ['first', 'second', 'gemm', 'last'], only_what_pays: true });
    const stored = [...model.graph.initializers].filter(([, { dtype }]) => dtype === 'uint4' || dtype === 'int4');
    assert.ok(stored.some(([name]) => name.startsWith('w2')) && stored.some(([name]) => name.startsWith('w4')));
    assert.ok(!stored.some(([name]) => /^w[156]/.test(name)), notes.join('\n'));
  });

  test('local functions hold the model at an operator set without 4 bits', async () => {
    const model = network();
    const body = [node('Identity', ['a'], ['b'])];
    const local = { domain: 'local', name: 'same', inputs: ['a'], outputs: ['b'], attributes: [], nodes: body };
    const functions = [{ ...local, opsets: new Map([['', 13]]), metadata: new Map() }] as unknown as Model['functions'];
    await assert.rejects(
      make({}, { ...model, functions }),
      (error) => error instanceof ServiceError && error.code === 'unsupported_opset' && /4-bit/.test(error.detail),
    );
  });

  for (const scheme of ['int4_weights', 'int8_dynamic', 'int8_weights', 'fp16', 'optimized', 'auto'])
    test(`${scheme} takes no such bits`, () => {
      const { error } = QuantizeStep.safeParse({ type: 'quantize', scheme, weight_bits: 4 });
      assert.ok(error?.issues.some(({ path }) => path.join('.') === 'weight_bits'));
    });
});
