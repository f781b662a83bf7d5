import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { storedWeights } from '../../src/quantization/two-scales.js';
import { axisLayout, convLayout, matrixLayout } from '../../src/quantization/weight-layout.js';
import { executedGraph } from '../../src/runtime/executed-graph.js';
import { runModel } from '../onnx/session.js';
import { smallModel } from '../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from './fixtures.js';

const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;

const BY_INPUT = { byInput: true };

/** Weights whose inputs differ by five orders of magnitude, as a channel scale folded from the layer before leaves them. */
function folded(dims: readonly number[], inputAxis: number, seed: number): Tensor {
  const values = elements(only(randomTensors(dims, 1, seed)), 'float32');
  const inner = dims.slice(inputAxis + 1).reduce((product, dim) => product * dim, 1);
  const inputs = dims[inputAxis] as number;
  const factor = (at: number) => 10 ** (5 * ((Math.floor(at / inner) % inputs) / inputs) - 4);
  return floats(
    values.map((value, at) => value * factor(at)),
    dims,
  );
}

describe('INT8 weights that are only stored', () => {
  const LAYOUTS = {
    'a convolution': { dims: [40, 24, 3, 3], inputAxis: 1, layout: convLayout([40, 24, 3, 3]) },
    'a matrix': { dims: [48, 40], inputAxis: 0, layout: axisLayout([48, 40], 1) },
    'a transposed matrix': { dims: [40, 48], inputAxis: 1, layout: matrixLayout([40, 48], true) },
  };
  for (const [name, { dims, inputAxis, layout }] of Object.entries(LAYOUTS)) {
    test(`${name}: small inputs keep their precision`, () => {
      const weights = elements(folded(dims, inputAxis, 3), 'float32');
      const { integers, scales, inputScales } = storedWeights(weights, layout, BY_INPUT);
      assert.ok(inputScales);
      // Half a step of the input's own largest weight, twice over for the balance between rows and columns.
      for (let k = 0; k < layout.k; k++) {
        const memory = layout.axis === 0 ? layout.index(0, k) : k;
        const column = Array.from({ length: layout.channels }, (_, channel) => layout.index(channel, k));
        const largest = Math.max(...column.map((at) => Math.abs(weights[at] as number)));
        for (const [channel, at] of column.entries()) {
          const restored = (integers[at] as number) * (scales[channel] as number) * (inputScales[memory] as number);
          assert.ok(Math.abs(restored - (weights[at] as number)) <= largest / 60);
        }
      }
    });
  }

  test('even weights, few channels and transposed convolutions keep one scale per channel', () => {
    const plain = (dims: readonly number[]) => elements(only(randomTensors(dims, 1, 7)), 'float32');
    assert.equal(storedWeights(plain([64, 64]), matrixLayout([64, 64], true), BY_INPUT).inputScales, null);
    assert.equal(
      storedWeights(elements(folded([8, 64], 1, 2), 'float32'), matrixLayout([8, 64], true), BY_INPUT).inputScales,
      null,
    );
    assert.equal(
      storedWeights(elements(folded([48, 40, 2, 2], 0, 2), 'float32'), axisLayout([48, 40, 2, 2], 1), BY_INPUT)
        .inputScales,
      null,
    );
  });

  test('a layer with a folded channel scale keeps its output, and everything unfolds at load', async () => {
    const model: Model = smallModel({
      nodes: [
        node('Conv', ['x', 'w'], ['y'], { name: 'layer', attributes: { pads: [1, 1, 1, 1] } }),
        node('Relu', ['y'], ['z'], {}),
      ],
      inputs: { x: ['float32', [1, 24, 6, 6]] },
      outputs: { z: ['float32', null] },
      constants: { w: folded([40, 24, 3, 3], 1, 9) },
    });
    // Inputs that are large where the weights are small: each contributes as much.
    const raw = elements(only(randomTensors([1, 24, 6, 6], 1, 4)), 'float32');
    const x = floats(
      raw.map((value, at) => value / 10 ** (5 * (Math.floor(at / 36) / 24) - 4)),
      [1, 24, 6, 6],
    );
    const { model: result } = await quantize(model, { scheme: 'int8_weights' }, samplesOf('x', [x]), {
      cpu: { instructionSets: AVX2 },
    });
    const feeds = new Map([['x', x]]);
    const output = async (of: Model) =>
      elements((await runModel(encodeModel(of), feeds, 'all')).get('z') as Tensor, 'float32');
    const [expected, found] = [await output(model), await output(result)];
    const energy = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
    const noise = energy(expected.map((value, i) => value - (found[i] as number)));
    assert.ok(10 * Math.log10(energy(expected) / noise) > 40, `${10 * Math.log10(energy(expected) / noise)} dB`);
    const left = (await executedGraph(encodeModel(result), tmpdir())).graph.nodes.map(({ opType }) => opType);
    assert.deepEqual(
      left.filter((opType) => opType === 'Cast' || opType === 'Mul'),
      [],
    );
  });

  test('an embedding that is also the output matrix is stored once, however uneven its columns', async () => {
    const table = folded([200, 40], 1, 5);
    const model = smallModel({
      nodes: [
        node('Gather', ['table', 'ids'], ['e'], { name: 'embedding' }),
        node('Gemm', ['e', 'table'], ['y'], { name: 'head', attributes: { transB: 1 } }),
      ],
      inputs: { ids: ['int64', [5]] },
      outputs: { y: ['float32', null] },
      constants: { table },
    });
    const { model: result } = await quantize(model, { scheme: 'int8_weights' }, null, {
      cpu: { instructionSets: AVX2 },
    });
    const large = [...result.graph.initializers.values()].filter(({ bytes }) => bytes.length >= 200 * 40);
    assert.deepEqual(
      large.map(({ dtype }) => dtype),
      ['int8'],
    );
  });
});
