import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Model } from '../../src/onnx/ir/graph.js';
import { elements, type Tensor } from '../../src/onnx/ir/tensor.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { ServiceError } from '../../src/platform/errors.js';
import { seededRandom } from '../../src/platform/random.js';
import { runModel } from '../onnx/session.js';
import { errorBound } from './error-bound.js';
import { AVX2, quantize, samplesOf } from './fixtures.js';
import { randomGraph } from './random-graphs.js';

const GRAPHS = 40;
const seeds = Array.from({ length: GRAPHS }, (_, seed) => seed);

const make = (seed: number, exclude: string[]) => {
  const { model, x } = randomGraph(seed);
  const step = {
    scheme: 'int8_static',
    only_what_pays: false,
    exclude,
    calibration: { method: 'minmax', samples: 1 },
  } as const;
  return quantize(model, step, samplesOf('x', [x]), { cpu: { instructionSets: AVX2 } });
};

const outputOf = (model: Model) => model.graph.outputs[0]?.name ?? '';
async function answer(model: Model, x: Tensor, optimization: 'disabled' | 'all'): Promise<Float32Array> {
  const found = await runModel(encodeModel(model), new Map([['x', x]]), optimization);
  return elements(found.get(outputOf(model)) as Tensor, 'float32');
}
const largest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);

/** Every constant of the model, and every weight behind DequantizeLinear as it comes out of it. */
async function restoredConstants(model: Model, x: Tensor): Promise<(name: string) => Tensor | undefined> {
  const { graph } = model;
  const known = new Set(graph.initializers.keys());
  const restored = graph.nodes.filter(({ inputs }) => inputs.every((input) => known.has(input)));
  const outputs = restored.flatMap((node) => node.outputs);
  for (const name of outputs) known.add(name);
  const also = graph.nodes.filter((node) => !restored.includes(node) && node.inputs.every((input) => known.has(input)));
  const names = [...outputs, ...also.flatMap((node) => node.outputs)];
  if (names.length === 0) return (name) => graph.initializers.get(name);
  const read = { ...model, graph: { ...graph, outputs: names.map((name) => ({ name, type: null })) } };
  const found = await runModel(encodeModel(read), new Map([['x', x]]));
  return (name) => found.get(name) ?? graph.initializers.get(name);
}

describe('random networks in int8_static', () => {
  test('load, are near to FP32, and differ from their literal reading by no more than rounding explains', async () => {
    let [integer, joined] = [0, 0];
    for (const seed of seeds) {
      const { model: float, x } = randomGraph(seed);
      const { model, nodes } = await make(seed, []);
      const [literal, kernels] = [await answer(model, x, 'disabled'), await answer(model, x, 'all')];
      const bound = errorBound(model, await restoredConstants(model, x)).get(outputOf(model)) ?? Number.NaN;
      const found = largest(literal, kernels);
      assert.ok(found <= bound, `seed ${seed}: ${found} is more than ${bound}`);
      // An absorbed activation, a shared scale or a zero point that is wrong would be far from FP32.
      const expected = await answer(float, x, 'disabled');
      const reach = Math.max(...expected.map(Math.abs), 1e-3);
      assert.ok(largest(expected, kernels) < 0.2 * reach, `seed ${seed}: ${largest(expected, kernels)} of ${reach}`);
      integer += nodes.filter((each) => each.integer).length;
      joined += nodes.filter((each) => each.integer && each.op_type !== 'Conv').length;
    }
    assert.ok(integer > 2 * GRAPHS && joined > GRAPHS / 4, `${integer} nodes in integer, ${joined} without weights`);
  });

  test('change nothing that was excluded', async () => {
    for (const seed of seeds) {
      const { model: float } = randomGraph(seed);
      const random = seededRandom(seed + 1000);
      const exclude = float.graph.nodes.filter(() => random() < 0.5).map(({ name }) => name);
      const made = await make(seed, exclude).catch((error: unknown) => {
        if (error instanceof ServiceError && error.code === 'nothing_to_quantize') return null;
        throw error;
      });
      if (!made) continue;
      const { model, cleaned, nodes } = made;
      for (const each of nodes) if (exclude.includes(each.name)) assert.equal(each.integer, false, each.name);
      for (const before of cleaned.graph.nodes) {
        if (!exclude.includes(before.name)) continue;
        const after = model.graph.nodes.find(({ name }) => name === before.name);
        assert.ok(after, `seed ${seed}: ${before.name} is gone`);
        assert.deepEqual([after.opType, after.attributes], [before.opType, before.attributes]);
        for (const [index, input] of before.inputs.entries()) {
          const constant = cleaned.graph.initializers.get(input);
          if (constant)
            assert.deepEqual(model.graph.initializers.get(after.inputs[index] ?? ''), constant, `seed ${seed}`);
        }
      }
    }
  });
});
