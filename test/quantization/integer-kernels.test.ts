import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from './fixtures.js';

/** A layer of random size; its weights lie between -1 and 1, so that pairs of them can saturate. */
interface Layer {
  readonly model: Model;
  readonly x: Tensor;
}

const size = (min: number, max: number) => fc.integer({ min, max });
const seed = fc.integer({ min: 0, max: 2 ** 30 });
const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;

const convolutions = fc
  .record({
    m: size(1, 9),
    c: size(1, 9),
    kernel: fc.constantFrom(1, 3),
    side: size(3, 7),
    seed,
    relu: fc.boolean(),
    bias: fc.boolean(),
  })
  .map(({ m, c, kernel, side, seed, relu, bias }): Layer => {
    const pad = (kernel - 1) / 2;
    const conv = node('Conv', bias ? ['x', 'w', 'b'] : ['x', 'w'], [relu ? 'c' : 'y'], {
      name: 'layer',
      attributes: { pads: [pad, pad, pad, pad] },
    });
    return {
      x: only(randomTensors([1, c, side, side], 1, seed)),
      model: smallModel({
        nodes: relu ? [conv, node('Relu', ['c'], ['y'])] : [conv],
        inputs: { x: ['float32', [1, c, side, side]] },
        outputs: { y: ['float32', null] },
        constants: {
          w: only(randomTensors([m, c, kernel, kernel], 1, seed + 1)),
          ...(bias && { b: only(randomTensors([m], 1, seed + 2)) }),
        },
      }),
    };
  });

const products = fc
  .record({ rows: size(1, 9), k: size(1, 40), n: size(1, 20), seed, gemm: fc.boolean(), transposed: fc.boolean() })
  .map(({ rows, k, n, seed, gemm, transposed }): Layer => {
    const layer = gemm
      ? node('Gemm', ['x', 'w', 'b'], ['y'], { name: 'layer', attributes: { transB: transposed ? 1 : 0 } })
      : node('MatMul', ['x', 'w'], ['y'], { name: 'layer' });
    return {
      x: only(randomTensors([rows, k], 1, seed)),
      model: smallModel({
        nodes: [layer],
        inputs: { x: ['float32', [rows, k]] },
        outputs: { y: ['float32', null] },
        constants: {
          w: only(randomTensors(gemm && transposed ? [n, k] : [k, n], 1, seed + 1)),
          ...(gemm && { b: only(randomTensors([n], 1, seed + 2)) }),
        },
      }),
    };
  });

const output = async (model: Model, { x }: Layer, optimization?: 'disabled' | 'all') =>
  elements((await runModel(encodeModel(model), new Map([['x', x]]), optimization)).get('y') as Tensor, 'float32');

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const span = (values: Float32Array) => Math.max(0, ...values) - Math.min(0, ...values);
const differences = (a: Float32Array, b: Float32Array) => largest(a.map((value, i) => value - (b[i] as number)));

/**
 * The most that quantization can change one output. With steps s_x of x and s_w of W (half of them is the largest rounding error), K
 * products, and a step s_y of the result: K · (|W| · s_x/2 + |x| · s_w/2 + s_x · s_w/4) + bias step/2 + s_y/2.
 * Weights whose pairs are kept small have up to twice the step.
 */
function bound({ model, x }: Layer, expected: Float32Array, resultQuantized: boolean): number {
  const weight = model.graph.initializers.get('w') as Tensor;
  const w = elements(weight, 'float32');
  const channels = model.graph.nodes[0]?.opType === 'Conv' ? (weight.dims[0] ?? 1) : null;
  const k = channels ? w.length / channels : (x.dims[1] as number);
  const input = elements(x, 'float32');
  const stepX = span(input) / 255;
  const stepW = (2 * 1.01 * largest(w)) / 127;
  const result = resultQuantized ? span(expected) / 255 : 0;
  const sum = k * ((largest(w) * stepX) / 2 + (largest(input) * stepW) / 2 + (stepX * stepW) / 4);
  // The measured range of the result is the float one: a sum beyond it is clipped back, which only helps.
  return (sum + (stepX * stepW) / 2 + result / 2) * 1.001 + 1e-5;
}

describe('integer kernels compute what the numbers in the file say', () => {
  const schemes = [
    { scheme: 'int8_static' as const, layers: fc.oneof(convolutions, products) },
    { scheme: 'int8_dynamic' as const, layers: products },
  ];
  for (const { scheme, layers } of schemes) {
    test(scheme, async () => {
      await fc.assert(
        fc.asyncProperty(layers, async (layer) => {
          const step = { scheme, only_what_pays: false, calibration: { method: 'mean_minmax' as const, samples: 1 } };
          const { model, nodes } = await quantize(layer.model, step, samplesOf('x', [layer.x]), {
            cpu: { instructionSets: AVX2 },
          });
          assert.equal(nodes[0]?.integer, true, 'the layer does not run in integer');
          assert.equal(nodes[0]?.exact_everywhere, true);
          const float = await output(layer.model, layer);
          const literal = await output(model, layer, 'disabled');
          const integer = await output(model, layer, 'all');
          // Read literally, Q and DQ are a fake quantization in float: its sums round differently, by one step of the result at most.
          const step8 = span(float) / 255;
          assert.ok(differences(literal, integer) <= step8 * 1.01 + 1e-4, 'the kernel computes something else');
          const quantizedResult = model.graph.nodes.filter(({ opType }) => opType === 'QuantizeLinear').length > 1;
          assert.ok(differences(float, integer) <= bound(layer, float, quantizedResult), 'the error passes the bound');
        }),
        { seed: 3, numRuns: 60 },
      );
    });
  }
});

test('a result that is also an output of the graph is quantized under its own name', async () => {
  const layer = node('Conv', ['x', 'w'], ['y'], { name: 'layer' });
  const model = smallModel({
    nodes: [layer, node('Relu', ['y'], ['z'])],
    inputs: { x: ['float32', [1, 8, 4, 4]] },
    outputs: { y: ['float32', null], z: ['float32', null] },
    constants: { w: only(randomTensors([8, 8, 1, 1], 1, 1)) },
  });
  const x = only(randomTensors([1, 8, 4, 4], 1, 2));
  const { model: quantized, nodes } = await quantize(
    model,
    { scheme: 'int8_static', only_what_pays: false },
    samplesOf('x', [x]),
  );
  assert.equal(nodes[0]?.integer, true);
  const found = await runModel(encodeModel(quantized), new Map([['x', x]]), 'all');
  assert.deepEqual([...found.keys()], ['y', 'z']);
  const y = elements(found.get('y') as Tensor, 'float32');
  assert.deepEqual(
    elements(found.get('z') as Tensor, 'float32'),
    y.map((value) => Math.max(0, value)),
  );
});
