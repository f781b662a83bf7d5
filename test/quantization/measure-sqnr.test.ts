import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { measureSqnr } from '../../src/quantization/measure-sqnr.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { randomTensors, samplesOf } from './fixtures.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-sqnr-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;
const samples = randomTensors([1, 4, 6, 6], 3, 1);
const weight = only(randomTensors([4, 4, 3, 3], 1, 2));
const VALUES = ['c', 'r', 'y'];

/** Two layers, under names that renamed ones could collide with, and a node of no use to the outputs. */
const network = (second: Tensor): Model =>
  smallModel({
    nodes: [
      node('Conv', ['x', 'w'], ['c'], { attributes: { pads: [1, 1, 1, 1] } }),
      node('Relu', ['c'], ['r']),
      node('Sub', ['r', 'r'], ['c_float']),
      node('Conv', ['r', 'w_float'], ['r_float'], { attributes: { pads: [1, 1, 1, 1] } }),
      node('Add', ['r_float', 'c_float'], ['y']),
      node('Exp', ['y'], ['unread']),
    ],
    inputs: { x: ['float32', [1, 4, 6, 6]] },
    outputs: { y: ['float32', null] },
    constants: { w: weight, w_float: second },
  });

const measure = (float: Model, quantized: Model, values: readonly string[]) =>
  measureSqnr({
    ...{ float, quantized, values, scratch },
    samples: samplesOf('x', samples),
    indices: [0, 1, 2],
    threads: 1,
    signal: new AbortController().signal,
    progress: () => {},
  });

/** The same from values that were read out of both models. */
async function expected(float: Model, quantized: Model, value: string): Promise<number> {
  const read = async (model: Model, x: Tensor) => {
    const graph = { ...model.graph, outputs: [{ name: value, type: null }] };
    const found = await runModel(encodeModel({ ...model, graph }), new Map([['x', x]]));
    return elements(found.get(value) as Tensor, 'float32');
  };
  let [signal, noise] = [0, 0];
  for (const x of samples) {
    const [a, b] = [await read(float, x), await read(quantized, x)];
    a.forEach((number, i) => {
      signal += number ** 2;
      noise += (number - (b[i] as number)) ** 2;
    });
  }
  return 10 * Math.log10(signal / noise);
}

describe('measureSqnr', () => {
  const float = network(only(randomTensors([4, 4, 3, 3], 1, 3)));
  const other = network(only(randomTensors([4, 4, 3, 3], 1, 4)));

  test('equals the ratio of the sums over values that are read out', async () => {
    const found = await measure(float, other, VALUES);
    assert.deepEqual([...found.keys()], VALUES);
    assert.equal(found.get('c'), 200);
    assert.equal(found.get('r'), 200);
    const y = await expected(float, other, 'y');
    assert.ok(Math.abs((found.get('y') ?? 0) - y) < 1e-3, `${found.get('y')} dB instead of ${y}`);
  });

  test('a signal that is always zero has no ratio', async () => {
    assert.equal((await measure(float, other, ['c_float'])).get('c_float'), null);
  });

  test('neither model is changed', async () => {
    const before = [float, other].map((model) => encodeModel(model));
    await measure(float, other, VALUES);
    assert.deepEqual(
      [float, other].map((model) => encodeModel(model)),
      before,
    );
  });
});
