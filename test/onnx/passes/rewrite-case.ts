import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { float, node } from '../../../src/onnx/ir/graph.js';
import type { Tensor } from '../../../src/onnx/ir/tensor.js';
import type { Pass } from '../../../src/onnx/passes/pass.js';
import { encodeModel } from '../../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../../src/platform/random.js';
import { largestDifference, runModel } from '../session.js';
import { randomTensors, type SmallModel, smallModel } from '../small-model.js';

export type Draw = (dims: readonly number[], low?: number, high?: number) => Tensor;
export interface Case {
  readonly name: string;
  readonly pass: Pass;
  /** Changes that the pass must make; 0 for a near miss, which must stay as it is. */
  readonly changes: number;
  readonly build: (draw: Draw) => Omit<SmallModel, 'inputs' | 'outputs'> & Partial<SmallModel>;
  readonly feeds?: Readonly<Record<string, readonly number[]>>;
}

/** The convolution that makes `output`: 4 → 8 channels unless told otherwise. */
export const conv = (
  input: string,
  output: string,
  attributes: Record<string, number[] | number> = {},
  weight = 'w',
  bias = 'v',
) => node('Conv', [input, weight, bias], [output], { name: `conv_${output}`, attributes });
export const X = { x: [2, 4, 6, 5] };
export const layer = (draw: Draw) => ({ w: draw([8, 4, 3, 3]), v: draw([8]) });
export const second = (draw: Draw) => ({ ...layer(draw), u: draw([3, 8, 3, 3]), t: draw([3]) });
export const consumer = (attributes = {}) => conv('h', 'y', attributes, 'u', 't');
export const norm = (draw: Draw, channels = 8) => ({
  g: draw([channels]),
  b: draw([channels]),
  m: draw([channels]),
  s: draw([channels], 0.5, 2),
});
export const batchNorm = (input: string, output: string, extra: string[] = []) =>
  node('BatchNormalization', [input, 'g', 'b', 'm', 's'], [output, ...extra], { attributes: { epsilon: float(0.01) } });

const TOLERANCE = 1e-5;
const SEEDS = [1, 2, 3];

/** Runs each case on three random draws: same outputs before and after, the stated number of changes, nothing left for a second run. */
export function testRewrites(suite: string, cases: readonly Case[]): void {
  describe(suite, () => {
    for (const { name, pass, changes, build, feeds = X } of cases) {
      test(`${pass.name}: ${name}`, async () => {
        for (const seed of SEEDS) {
          const draw = randomTensors(seededRandom(seed));
          const model = smallModel({ inputs: feeds, outputs: ['y'], ...build(draw) });
          const values = new Map(Object.entries(feeds).map(([input, dims]) => [input, draw(dims, -5, 5)]));
          const before = encodeModel(model);
          assert.equal(pass.run(model.graph), changes);
          const after = encodeModel(model);
          if (changes === 0) assert.deepEqual(after, before);
          else assert.ok(largestDifference(await runModel(before, values), await runModel(after, values)) <= TOLERANCE);
          assert.equal(pass.run(model.graph), 0, 'a second run finds more');
        }
      });
    }
  });
}
