import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Node, node } from '../../../src/onnx/ir/graph.js';
import { elements, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { shapesOnSample } from '../../../src/quantization/shapes.js';
import { type SecondMoments, secondMoments } from '../../../src/quantization/transforms/second-moments.js';
import { weightOperands } from '../../../src/quantization/weight-operands.js';
import { runModel } from '../../onnx/session.js';
import { smallModel } from '../../runtime/small-model.js';
import { randomTensors, samplesOf } from '../fixtures.js';

const scratch = mkdtempSync(join(tmpdir(), 'modelpress-moments-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Σ y_o² over all positions and samples: what wᵀ·H·w says without running the layer. */
const energies = (values: Float32Array, channels: number, inner: number) => {
  const result = new Float64Array(channels);
  values.forEach((value, i) => {
    (result[Math.floor(i / inner) % channels] as number) += value ** 2;
  });
  return result;
};

const CASES: readonly (readonly [string, readonly number[], readonly number[], Node, number])[] = [
  [
    'a convolution with padding',
    [1, 3, 7, 6],
    [4, 3, 3, 3],
    node('Conv', ['x', 'w'], ['y'], { attributes: { pads: [1, 1, 1, 1] } }),
    42,
  ],
  [
    'strides, dilations and groups',
    [1, 4, 9, 9],
    [6, 2, 2, 2],
    node('Conv', ['x', 'w'], ['y'], { attributes: { strides: [2, 1], dilations: [1, 2], group: 2 } }),
    28,
  ],
  [
    'a depthwise convolution',
    [1, 5, 6, 6],
    [5, 1, 3, 3],
    node('Conv', ['x', 'w'], ['y'], { attributes: { group: 5 } }),
    16,
  ],
  ['one axis', [1, 3, 20], [4, 3, 5], node('Conv', ['x', 'w'], ['y']), 16],
  ['a product', [2, 3, 6], [6, 5], node('MatMul', ['x', 'w'], ['y']), 1],
  ['a Gemm with transposed weights', [3, 6], [5, 6], node('Gemm', ['x', 'w'], ['y'], { attributes: { transB: 1 } }), 1],
];

for (const [name, image, dims, layer, inner] of CASES) {
  test(`second moments say how large the outputs are: ${name}`, async () => {
    const images = randomTensors(image, 3, 7);
    const [w] = randomTensors(dims, 1, 8) as [Tensor];
    const model = smallModel({
      ...{ nodes: [layer], constants: { w } },
      ...{ inputs: { x: ['float32', image] }, outputs: { y: ['float32', null] } },
    });
    const samples = samplesOf('x', images);
    const session = { threads: 1, scratch };
    const shapes = await shapesOnSample(model, samples, [0], session);
    let found: SecondMoments | undefined;
    await secondMoments(
      {
        ...{ model, samples, indices: [0, 1, 2], shapes, layers: [layer], ...session },
        ...{ signal: new AbortController().signal, progress: () => {} },
      },
      async (_, moments) => {
        found = moments;
      },
    );
    const { layout } = weightOperands(layer, model.graph)[0] as {
      layout: { channels: number; k: number; index(c: number, k: number): number };
    };
    const expected = new Float64Array(layout.channels);
    for (const x of images) {
      const y = (await runModel(encodeModel(model), new Map([['x', x]]))).get('y') as Tensor;
      energies(elements(y, 'float32'), layout.channels, inner).forEach((energy, channel) => {
        (expected[channel] as number) += energy;
      });
    }
    const weights = elements(w, 'float32');
    const groups = (found as SecondMoments).groups;
    for (let channel = 0; channel < layout.channels; channel++) {
      const matrix = groups[Math.floor((channel * groups.length) / layout.channels)] as Float32Array;
      const row = Array.from({ length: layout.k }, (_, k) => weights[layout.index(channel, k)] as number);
      const energy = row.reduce(
        (sum, a, i) => sum + row.reduce((inside, b, j) => inside + a * b * (matrix[i * layout.k + j] as number), 0),
        0,
      );
      const wanted = expected[channel] as number;
      assert.ok(Math.abs(energy - wanted) < 1e-4 * wanted, `channel ${channel}: ${energy} against ${wanted}`);
    }
  });
}
