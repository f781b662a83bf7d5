import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Refinements } from '../../../src/contracts/refinements.js';
import { type Model, node } from '../../../src/onnx/ir/graph.js';
import { elements, floats, type Tensor } from '../../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { runModel } from '../../onnx/session.js';
import { smallModel } from '../../runtime/small-model.js';
import { AVX2, quantize, randomTensors, samplesOf } from '../fixtures.js';

const random = (dims: readonly number[], seed: number) => randomTensors(dims, 1, seed)[0] as Tensor;
const image = [1, 8, 6, 6];
/** Inputs that vary little around 1: what rounding the weights does to a mean, it does in every sample. */
const shifted = randomTensors(image, 16, 3).map((tensor) =>
  floats(
    elements(tensor, 'float32').map((value) => 0.2 * value + 1),
    image,
  ),
);
/** One weight far larger than the others, which are rounded the more coarsely. */
const coarse = (dims: readonly number[], seed: number) =>
  floats(
    elements(random(dims, seed), 'float32').map((value, i) => (i === 0 ? 6 : value)),
    dims,
  );
const pads = { pads: [1, 1, 1, 1] };

/** Four layers with padding and activations between them, and a classifier: the means of the later ones depend on the earlier ones. */
const network = (): Model =>
  smallModel({
    nodes: [
      node('Conv', ['x', 'w1', 'b1'], ['c1'], { name: 'one', attributes: pads }),
      node('Relu', ['c1'], ['r1']),
      node('Conv', ['r1', 'w2'], ['c2'], { name: 'two', attributes: pads }),
      node('Relu', ['c2'], ['r2']),
      node('Conv', ['r2', 'w3', 'b1'], ['c3'], { name: 'three', attributes: pads }),
      node('Relu', ['c3'], ['r3']),
      node('GlobalAveragePool', ['r3'], ['p']),
      node('Flatten', ['p'], ['f']),
      node('Gemm', ['f', 'w4', 'b4'], ['y'], { name: 'classifier' }),
    ],
    inputs: { x: ['float32', image] },
    outputs: { y: ['float32', null] },
    constants: {
      ...{
        w1: coarse([8, 8, 3, 3], 11),
        b1: random([8], 12),
        w2: coarse([8, 8, 3, 3], 13),
        w3: coarse([8, 8, 3, 3], 14),
      },
      ...{ w4: random([8, 6], 15), b4: random([6], 16) },
    },
  });

/** Σ |E[y] − E[ŷ]| over the outputs, on samples that did not calibrate. */
async function meanError(correction: Refinements['bias_correction']): Promise<number> {
  const step = {
    scheme: 'int8_static' as const,
    only_what_pays: false,
    per_channel: false,
    bias_correction: correction,
  };
  const indices = shifted.map((_, index) => index);
  const { model } = await quantize(network(), step, samplesOf('x', shifted), {
    ...{ calibration: indices.slice(0, 8), selection: indices.slice(8), cpu: { instructionSets: AVX2 } },
  });
  const difference = new Float64Array(6);
  for (const x of shifted.slice(8)) {
    const feeds = new Map([['x', x]]);
    const [float, quantized] = await Promise.all(
      [network(), model].map(async (each) =>
        elements((await runModel(encodeModel(each), feeds, 'all')).get('y') as Tensor, 'float32'),
      ),
    );
    float?.forEach((value, i) => {
      (difference[i] as number) += (value - (quantized?.[i] as number)) / 8;
    });
  }
  return difference.reduce((sum, each) => sum + Math.abs(each), 0);
}

test('the means of the outputs come back, through padding and activations', async () => {
  const [without, corrected] = [await meanError('none'), await meanError('empirical')];
  assert.ok(corrected < without / 3, `${corrected} against ${without} without`);
});
