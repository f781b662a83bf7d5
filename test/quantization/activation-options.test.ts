import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuantizeStep } from '../../src/contracts/quantize-step.js';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { numbers } from '../../src/onnx/ir/numbers.js';
import type { Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, answerTo, quantize, randomTensors, samplesOf, VNNI } from './fixtures.js';

const dims = [1, 16, 8, 8];
const samples = randomTensors(dims, 4, 5);
const weights = (shape: readonly number[], seed: number) => randomTensors(shape, 1, seed)[0] as Tensor;

/** Conv, Relu, Conv. */
const network = (): Model =>
  smallModel({
    nodes: [
      node('Conv', ['x', 'w1', 'b1'], ['c1'], { name: 'first', attributes: { pads: [1, 1, 1, 1] } }),
      node('Relu', ['c1'], ['r1'], { name: 'relu' }),
      node('Conv', ['r1', 'w2'], ['y'], { name: 'second', attributes: { pads: [1, 1, 1, 1] } }),
    ],
    inputs: { x: ['float32', dims] },
    outputs: { y: ['float32', null] },
    constants: { w1: weights([16, 16, 3, 3], 1), b1: weights([16], 2), w2: weights([8, 16, 3, 3], 3) },
  });

type Step = Parameters<typeof quantize>[1];
const make = (step: Partial<Step>, instructionSets: readonly string[] = VNNI) =>
  quantize(network(), { scheme: 'int8_static', only_what_pays: false, ...step }, samplesOf('x', samples), {
    count: samples.length,
    cpu: { instructionSets },
  });
const calibration = (overrides: NonNullable<Step['calibration']>['overrides']) => ({
  calibration: { method: 'minmax' as const, samples: 4, overrides },
});

/** Scale and zero point of the activation `value`, as the file says them. */
function parametersOf(model: Model, value: string) {
  const quantizer = model.graph.nodes.find(({ name }) => name === `${value}_QuantizeLinear`);
  const [scale, zeroPoint] = (quantizer?.inputs.slice(1) ?? []).map((name) => model.graph.initializers.get(name));
  if (!scale || !zeroPoint) throw new Error(`${value} is not quantized`);
  return { scale: numbers(scale)[0] as number, zeroPoint: numbers(zeroPoint)[0] as number, dtype: zeroPoint.dtype };
}

const answer = (model: Model) => answerTo(model, samples[0] as Tensor);
const decibel = (expected: Float32Array, actual: Float32Array) => {
  const energy = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return 10 * Math.log10(energy(expected) / energy(expected.map((value, i) => value - (actual[i] as number))));
};

describe('activations', () => {
  const cases = [
    { type: 'u8', symmetric: false, dtype: 'uint8', relu: 0, least: 25 },
    { type: 'u8', symmetric: true, dtype: 'uint8', relu: 128, least: 20 },
    { type: 's8', symmetric: false, dtype: 'int8', relu: -128, least: 25 },
    { type: 's8', symmetric: true, dtype: 'int8', relu: 0, least: 20 },
  ] as const;
  for (const { type, symmetric, dtype, relu, least } of cases) {
    test(`${symmetric ? 'symmetric ' : ''}${type} run in integer kernels`, async () => {
      const { model, nodes } = await make({ activations: { type, symmetric } }, AVX2);
      assert.deepEqual(
        nodes.map((each) => [each.integer, each.kernel]),
        [
          [true, 'QLinearConv'],
          [true, 'QLinearConv'],
        ],
      );
      const { dtype: found, zeroPoint } = parametersOf(model, 'r1');
      assert.deepEqual([found, zeroPoint], [dtype, relu]);
      // A range that ends in the middle of the integers does not imply Relu.
      assert.equal(
        model.graph.nodes.some(({ opType }) => opType === 'Relu'),
        symmetric,
      );
      const noise = decibel(await answer(network()), await answer(model));
      assert.ok(noise > least, `${noise} dB`);
    });
  }

  for (const type of ['u16', 's16'] as const) {
    test(`${type} stay between Q and DQ, with the reason, and are nearly exact`, async () => {
      const { model, nodes, integer_nodes } = await make({ activations: { type, symmetric: false } });
      assert.equal(integer_nodes, 0);
      for (const each of nodes) assert.match(each.reason ?? '', /16-bit/);
      assert.equal(parametersOf(model, 'x').dtype, type === 'u16' ? 'uint16' : 'int16');
      assert.equal(model.opsets.get(''), 21);
      const noise = decibel(await answer(network()), await answer(model));
      assert.ok(noise > 35, `${noise} dB`);
    });
  }
});

describe('overrides', () => {
  test('a range that is given is the one in the file', async () => {
    const { model } = await make(calibration([{ tensor: 'x', min: -2, max: 3.1 }]));
    assert.deepEqual(parametersOf(model, 'x'), { scale: Math.fround(5.1 / 255), zeroPoint: 100, dtype: 'uint8' });
  });

  test('a node stands for its result, the last word counts, and Relu stays when its range does not imply it', async () => {
    const given = [
      { node: 'Conv', min: -1, max: 1 },
      { node: 'first', min: -4, max: 12 },
    ];
    const { model } = await make(calibration(given));
    assert.ok(model.graph.nodes.some(({ opType }) => opType === 'Relu'));
    assert.equal(parametersOf(model, 'c1').scale, Math.fround(16 / 255));
    assert.equal(parametersOf(model, 'y').scale, Math.fround(2 / 255));
  });

  test('a method of its own for one tensor leaves the others as they were', async () => {
    const plain = await make({ calibration: { method: 'minmax', samples: 4 } });
    const other = await make(calibration([{ tensor: 'x', method: 'percentile', percentile: 95 }]));
    assert.ok(parametersOf(other.model, 'x').scale < parametersOf(plain.model, 'x').scale);
    assert.deepEqual(parametersOf(other.model, 'r1'), parametersOf(plain.model, 'r1'));
  });

  test('a range for what is not quantized is said to be unused', async () => {
    const { notes } = await make({ ...calibration([{ node: 'second', min: -1, max: 1 }]), exclude: ['second'] });
    assert.ok(
      notes.some((note) => note.includes('node "second" was not used')),
      notes.join('\n'),
    );
  });

  const unknown = [
    { given: { tensor: 'r2', min: 0, max: 1 }, pointer: '/calibration/overrides/0/tensor', near: 'r1' },
    { given: { node: 'secnd', min: 0, max: 1 }, pointer: '/calibration/overrides/0/node', near: 'second' },
  ];
  for (const { given, pointer, near } of unknown) {
    test(`${pointer} that fits nothing is refused with the nearest name`, async () => {
      await assert.rejects(
        make(calibration([given])),
        (error: unknown) =>
          error instanceof ServiceError &&
          error.code === 'unknown_node' &&
          error.context.hint === `Did you mean "${near}"?` &&
          error.context.errors?.[0]?.pointer === pointer,
      );
    });
  }
});

describe('exclude_tensors', () => {
  test('nodes that read or give the tensor stay as they are, constants too', async () => {
    for (const name of ['r1', 'w2']) {
      const { nodes, model } = await make({ exclude_tensors: [name] });
      const second = nodes.find((each) => each.name === 'second');
      assert.equal(second?.integer, false);
      assert.deepEqual(model.graph.initializers.get('w2'), network().graph.initializers.get('w2'));
      assert.equal(nodes.find((each) => each.name === 'first')?.integer, true);
    }
  });

  test('one that fits nothing is refused with the nearest name', async () => {
    await assert.rejects(
      make({ exclude_tensors: ['w2', 'b2'] }),
      (error: unknown) => error instanceof ServiceError && error.context.hint === 'Did you mean "b1"?',
    );
  });
});

describe('contradictions are refused by pointer', () => {
  const step = (fields: object) => ({ type: 'quantize', scheme: 'int8_static', ...fields });
  const overrides = (...given: object[]) => step({ calibration: { overrides: given } });
  const cases: readonly [what: string, step: object, path: string][] = [
    ['16 bits where only what pays is quantized', step({ activations: { type: 'u16' } }), 'activations.type'],
    ['16 bits in a search', step({ scheme: 'auto', activations: { type: 's16' } }), 'activations.type'],
    [
      'activations of a scheme without ranges',
      step({ scheme: 'int8_dynamic', activations: { type: 's8' } }),
      'activations',
    ],
    ['portable weights that nothing adds up', step({ scheme: 'int8_weights', portable: true }), 'portable'],
    [
      'overrides of a scheme without ranges',
      { ...overrides({ tensor: 'x', min: 0, max: 1 }), scheme: 'int8_dynamic' },
      'calibration.overrides',
    ],
    [
      'entropy of 16 bits',
      step({ only_what_pays: false, activations: { type: 's16' }, calibration: { method: 'entropy' } }),
      'calibration.method',
    ],
    ['a range upside down', overrides({ tensor: 'x', min: 1, max: 0 }), 'calibration.overrides.0.max'],
    ['half a range', overrides({ tensor: 'x', min: 1 }), 'calibration.overrides.0.max'],
    ['a range and a method', overrides({ tensor: 'x', min: 0, max: 1, method: 'mse' }), 'calibration.overrides.0'],
    ['tensor and node', overrides({ tensor: 'x', node: 'y', method: 'mse' }), 'calibration.overrides.0'],
    ['neither tensor nor node', overrides({ method: 'mse' }), 'calibration.overrides.0'],
    [
      'a percentile of another method',
      overrides({ tensor: 'x', method: 'mse', percentile: 99 }),
      'calibration.overrides.0.percentile',
    ],
    [
      'a percentile of another method for all',
      step({ calibration: { method: 'mse', percentile: 99 } }),
      'calibration.percentile',
    ],
    ['a correction without ranges', step({ scheme: 'int8_dynamic', bias_correction: 'analytic' }), 'bias_correction'],
  ];
  for (const [what, given, path] of cases) {
    test(what, () => {
      const parsed = QuantizeStep.safeParse(given);
      assert.ok(
        parsed.error?.issues.some((issue) => issue.path.join('.') === path),
        JSON.stringify(parsed.error?.issues),
      );
    });
  }
});

test('equal options give equal bytes', async () => {
  const step = { activations: { type: 's8', symmetric: true }, portable: true } as const;
  const [a, b] = [await make(step), await make(step)];
  assert.equal(Buffer.compare(encodeModel(a.model), encodeModel(b.model)), 0);
});
