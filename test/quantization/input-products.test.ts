import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Model, node } from '../../src/onnx/ir/graph.js';
import { elements, type Tensor } from '../../src/onnx/ir/tensor.js';
import { measureInputProducts } from '../../src/quantization/calibration/input-products.js';
import { inputsOfWeight } from '../../src/quantization/weight-inputs.js';
import { weightOperands } from '../../src/quantization/weight-operands.js';
import { smallModel } from '../runtime/small-model.js';
import { quantize, randomTensors, samplesOf } from './fixtures.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-products-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const only = (tensors: readonly Tensor[]) => tensors[0] as Tensor;

const products = (
  model: Model,
  samples: readonly Tensor[],
  shapes: ReadonlyMap<string, { dims: readonly number[] }>,
) => {
  const [layer] = model.graph.nodes;
  assert.ok(layer);
  const operand = weightOperands(layer, model.graph).find(({ index }) => index === 1);
  assert.ok(operand);
  const inputs = inputsOfWeight(layer, operand, model.graph, shapes);
  assert.ok(inputs);
  const task = {
    model,
    samples: samplesOf('x', samples),
    indices: samples.map((_, index) => index),
    threads: 1,
    scratch,
    signal: new AbortController().signal,
    progress: () => {},
  };
  return measureInputProducts(task, [inputs]).then((found) => found.get(inputs.key) ?? []);
};

const close = (found: ArrayLike<number>, expected: readonly number[]) => {
  assert.equal(found.length, expected.length);
  for (const [i, value] of expected.entries()) {
    assert.ok(
      Math.abs((found[i] as number) - value) <= 1e-4 * Math.max(1, Math.abs(value)),
      `${i}: ${found[i]}, ${value}`,
    );
  }
};

describe('products of the inputs of weights', () => {
  for (const transposed of [false, true]) {
    test(`a matrix${transposed ? ', transposed' : ''}: Σ x xᵀ over rows and samples`, async () => {
      const k = 5;
      const samples = randomTensors([3, k], 4, 1);
      const weight = only(randomTensors(transposed ? [2, k] : [k, 2], 1, 2));
      const layer = transposed
        ? node('Gemm', ['x', 'w'], ['y'], { attributes: { transB: 1 } })
        : node('MatMul', ['x', 'w'], ['y']);
      const model = smallModel({
        nodes: [layer],
        inputs: { x: ['float32', [3, k]] },
        outputs: { y: ['float32', null] },
        constants: { w: weight },
      });
      const rows = samples.flatMap((sample) => {
        const values = elements(sample, 'float32');
        return [0, 1, 2].map((row) => [...values.subarray(row * k, (row + 1) * k)]);
      });
      const expected = Array.from({ length: k * k }, (_, at) =>
        rows.reduce((sum, row) => sum + (row[Math.floor(at / k)] as number) * (row[at % k] as number), 0),
      );
      const [found = []] = await products(model, samples, new Map());
      close(found, expected);
    });
  }

  for (const groups of [1, 2]) {
    test(`a convolution in ${groups} group(s): Σ over its windows, with strides, dilations and pads`, async () => {
      const [channels, height, width] = [4, 7, 6];
      const [rows, columns, strides, dilations, pads] = [2, 3, [2, 1], [1, 2], [1, 0, 0, 2]] as const;
      const perGroup = channels / groups;
      const k = perGroup * rows * columns;
      const samples = randomTensors([1, channels, height, width], 3, 5);
      const attributes = { group: groups, strides, dilations, pads };
      const model = smallModel({
        nodes: [node('Conv', ['x', 'w'], ['y'], { attributes })],
        inputs: { x: ['float32', [1, channels, height, width]] },
        outputs: { y: ['float32', null] },
        constants: { w: only(randomTensors([6, perGroup, rows, columns], 1, 6)) },
      });
      const outRows = Math.floor((height + pads[0] + pads[2] - dilations[0] * (rows - 1) - 1) / strides[0]) + 1;
      const outColumns = Math.floor((width + pads[1] + pads[3] - dilations[1] * (columns - 1) - 1) / strides[1]) + 1;
      const found = await products(model, samples, new Map());
      assert.equal(found.length, groups);
      for (const [group, matrix] of found.entries()) {
        const expected = Array.from({ length: k * k }, () => 0);
        for (const sample of samples) {
          const x = elements(sample, 'float32');
          for (let i = 0; i < outRows; i++) {
            for (let j = 0; j < outColumns; j++) {
              const window = Array.from({ length: k }, (_, at) => {
                const channel = group * perGroup + Math.floor(at / (rows * columns));
                const row = i * strides[0] - pads[0] + (Math.floor(at / columns) % rows) * dilations[0];
                const column = j * strides[1] - pads[1] + (at % columns) * dilations[1];
                const inside = row >= 0 && row < height && column >= 0 && column < width;
                return inside ? (x[(channel * height + row) * width + column] as number) : 0;
              });
              for (let at = 0; at < k * k; at++) {
                expected[at] =
                  (expected[at] as number) + (window[Math.floor(at / k)] as number) * (window[at % k] as number);
              }
            }
          }
        }
        close(matrix, expected);
      }
    });
  }
});

/** Three products in a row over inputs of which all have nearly the same direction: rounding to nearest loses much that could be made up for. */
function correlated(): { model: Model; samples: readonly Tensor[] } {
  const [k, n] = [64, 48];
  const samples = randomTensors([4, 8], 40, 3);
  const model = smallModel({
    nodes: [
      node('MatMul', ['x', 'first'], ['a'], { name: 'one' }),
      node('MatMul', ['a', 'w'], ['b'], { name: 'two' }),
      node('MatMul', ['b', 'last'], ['y'], { name: 'three' }),
    ],
    inputs: { x: ['float32', [4, 8]] },
    outputs: { y: ['float32', null], b: ['float32', null] },
    constants: {
      first: only(randomTensors([8, k], 1, 4)),
      w: only(randomTensors([k, n], 1, 5)),
      last: only(randomTensors([n, 5], 1, 6)),
    },
  });
  return { model, samples };
}

describe('int4_weights by data', () => {
  test('gptq is nearer than rounding to nearest on samples that it has not seen, in the same bytes; auto finds that out', async () => {
    const { model, samples } = correlated();
    const run = async (method: 'rtn' | 'gptq' | 'auto') => {
      const weights = { bits: 3, method, symmetric: false } as const;
      const count = {
        calibration: Array.from({ length: 32 }, (_, i) => i),
        selection: [32, 33, 34, 35, 36, 37, 38, 39],
      };
      return quantize(model, { scheme: 'int4_weights', weights }, samplesOf('x', samples), count);
    };
    const [rtn, gptq, auto] = [await run('rtn'), await run('gptq'), await run('auto')];
    const decibel = ({ nodes }: typeof rtn) => nodes.find(({ name }) => name === 'two')?.sqnr_db ?? 0;
    assert.ok(decibel(gptq) > decibel(rtn) + 6, `${decibel(gptq)} and ${decibel(rtn)} dB`);
    const compared = auto.weights?.methods ?? [];
    assert.deepEqual(
      compared.map(({ name }) => name),
      ['rtn', 'mse', 'hqq', 'gptq'],
    );
    assert.deepEqual(
      compared.filter(({ chosen }) => chosen).map(({ name }) => name),
      ['gptq'],
    );
    assert.deepEqual(auto.model.graph.initializers, gptq.model.graph.initializers);
    assert.deepEqual(rtn.weights, { bits: 3, method: 'rtn' });
  });

  test('without samples gptq is refused and auto rounds to nearest', async () => {
    const { model } = correlated();
    const step = (method: 'gptq' | 'auto' | 'rtn') => ({
      scheme: 'int4_weights' as const,
      weights: { bits: 4 as const, method, symmetric: false },
    });
    await assert.rejects(quantize(model, step('gptq'), null), { code: 'dataset_required' });
    const [auto, rtn] = [await quantize(model, step('auto'), null), await quantize(model, step('rtn'), null)];
    assert.deepEqual(auto.model.graph.initializers, rtn.model.graph.initializers);
  });
});
