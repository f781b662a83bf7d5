import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import type { Tensor } from '../../src/onnx/ir/tensor.js';
import { trainingForm } from '../../src/recovery/training-form.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, answerTo, quantize, randomTensors, samplesOf } from './fixtures.js';

const WIDTH = 64;
const samples = randomTensors([4, WIDTH], 4, 5);
const weights = (seed: number) => randomTensors([WIDTH, WIDTH], 1, seed)[0] as Tensor;

/** Four products, the two in the middle by one weight; `names` are those of the first two and of an activation. */
const tied = (first = 'first', second = 'second', activation = 'relu'): Model =>
  smallModel({
    nodes: [
      node('MatMul', ['x', 'w1'], ['h1'], { name: first }),
      node('Relu', ['h1'], ['r1'], { name: activation }),
      node('MatMul', ['r1', 'tied'], ['h2'], { name: second }),
      node('Relu', ['h2'], ['r2'], { name: 'relu2' }),
      node('MatMul', ['r2', 'tied'], ['h3'], { name: 'third' }),
      node('Relu', ['h3'], ['r3'], { name: 'relu3' }),
      node('MatMul', ['r3', 'w4'], ['y'], { name: 'last' }),
    ],
    inputs: { x: ['float32', [4, WIDTH]] },
    outputs: { y: ['float32', null] },
    constants: { w1: weights(1), tied: weights(2), w4: weights(3) },
  });

type Step = Partial<QuantizeStep> & Pick<QuantizeStep, 'scheme'>;
const make = (model: Model, step: Step) =>
  quantize(model, { only_what_pays: false, ...step }, samplesOf('x', samples), {
    count: samples.length,
    cpu: { instructionSets: AVX2 },
  });

const answer = (model: Model) => answerTo(model, samples[0] as Tensor);

describe('a weight that two integer nodes share', () => {
  test('is stored once in 4 bits, and runs in the kernels of 8 bits', async () => {
    const [eight, four] = [
      await make(tied(), { scheme: 'int8_static' }),
      await make(tied(), { scheme: 'int8_static', weight_bits: 4 }),
    ];
    const kernels = ({ nodes }: typeof four) => nodes.map(({ name, kernel }) => [name, kernel]);
    assert.deepEqual(kernels(four), kernels(eight));
    assert.equal(four.integer_nodes, eight.integer_nodes);
    const packed = [...four.model.graph.initializers].filter(([, { dtype }]) => dtype === 'int4');
    assert.deepEqual(
      packed.map(([name]) => name),
      ['tied_int4'],
    );
    const [exact, found] = [await answer(tied()), await answer(four.model)];
    const energy = (of: (value: number, i: number) => number) =>
      exact.reduce((sum, value, i) => sum + of(value, i) ** 2, 0);
    const noise = energy((value, i) => value - (found[i] ?? Number.NaN)) / energy((value) => value);
    assert.ok(noise < 0.1, `${noise}`);
  });

  test('is trained as one', async () => {
    const { model } = await make(tied(), { scheme: 'int8_static', weight_bits: 4 });
    const { trained } = trainingForm(model, 'y');
    assert.equal(trained.filter((latent) => latent.startsWith('recovery/tied')).length, 1, `${trained}`);
  });
});

/** By scheme, names that its new nodes would have. */
const TAKEN: readonly (readonly [step: Step, names: readonly string[]])[] = [
  [
    { scheme: 'int8_static', weight_bits: 4 },
    ['tied_int4_Cast', 'tied_dequantized_DequantizeLinear', 'x_QuantizeLinear'],
  ],
  [{ scheme: 'int8_static' }, ['x_QuantizeLinear', 'w1_dequantized_DequantizeLinear', 'r1_DequantizeLinear']],
  [{ scheme: 'int8_dynamic' }, ['x_DynamicQuantizeLinear', 'third_Cast', 'last_scale_Mul']],
  [{ scheme: 'int8_weights' }, ['last_DequantizeLinear', 'third_DequantizeLinear']],
  [{ scheme: 'int8_weights', exclude: ['third', 'last'] }, ['w1_Cast', 'w1_Mul', 'third_DequantizeLinear']],
  [{ scheme: 'int8_weights', only_what_pays: true }, ['w1_Cast', 'tied_Cast', 'w4_Mul']],
  [{ scheme: 'fp16_weights', only_what_pays: true }, ['w1_half_Cast', 'tied_half_Cast', 'w4_half_Cast']],
];

describe('names that new nodes would have', () => {
  for (const [step, names] of TAKEN)
    for (const turn of names.keys())
      test(`stay with the nodes that have them: ${JSON.stringify(step)} ${turn}`, async () => {
        const [first = 'first', second = 'second', activation = 'relu'] = [
          ...names.slice(turn),
          ...names.slice(0, turn),
        ];
        const taken = await make(tied(first, second, activation), step);
        const all = taken.model.graph.nodes.map(({ name }) => name).filter((name) => name !== '');
        assert.equal(new Set(all).size, all.length, `${all}`);
        assert.deepEqual(await answer(taken.model), await answer((await make(tied(), step)).model));
        assert.ok(
          taken.nodes.some(({ name }) => name === first),
          `${taken.nodes.map(({ name }) => name)}`,
        );
      });
});
